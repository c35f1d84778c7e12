import { lstat, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join, posix } from 'node:path';
import { InputError } from '@backstage/errors';
import { BuildModel } from '@slipway/backstage-plugin-delivery-common';
import {
  BuildRequest,
  OciLayout,
  resolveInside,
  safeSegments,
  Workspace,
} from '@slipway/backstage-plugin-delivery-node';
import { BaseImage } from '../base';
import {
  parseDockerignore,
  readContext,
  readDockerignore,
  resolveContextFolder,
} from '../context';
import { ImageState, localArchitecture } from '../image';
import { LayerCache } from '../layerCache';
import { parseDockerfile } from './lines';
import { StageBuilder } from './stageBuilder';
import {
  neededStages,
  outsideImages,
  splitStages,
  Stage,
  StagedDockerfile,
  targetStage,
} from './stages';
import { assertSupported } from './support';

const DOCKERFILE_MAX_BYTES = 1024 * 1024;

/** Arguments that every build has without being told. */
function predefinedArgs(): ReadonlyMap<string, string> {
  const architecture = localArchitecture();
  return new Map(
    ['TARGET', 'BUILD'].flatMap(prefix => [
      [`${prefix}PLATFORM`, `linux/${architecture}`],
      [`${prefix}OS`, 'linux'],
      [`${prefix}ARCH`, architecture],
    ]),
  );
}

async function readPlan(
  build: BuildModel,
  workspaceRoot: string,
): Promise<{
  text: string;
  file: string;
  dockerfile: StagedDockerfile;
  target: Stage;
}> {
  const file = build.dockerfile ?? posix.join(build.context, 'Dockerfile');
  const where = `Dockerfile "${file}"`;
  const path = await resolveInside(
    workspaceRoot,
    safeSegments(file, where),
    where,
  );
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
      return undefined;
    }
    throw error;
  });
  if (!found?.isFile() || found.size > DOCKERFILE_MAX_BYTES) {
    throw new InputError(
      `${where} is not a file of the repository; check images[].build.dockerfile, which is relative to the repository's root`,
    );
  }
  const text = await readFile(path, 'utf8');
  const dockerfile = splitStages(
    parseDockerfile(text, file),
    file,
    build.args,
    predefinedArgs(),
  );
  const target = targetStage(dockerfile, file, build.target);
  assertSupported(neededStages(dockerfile, target), file);
  return { text, file, dockerfile, target };
}

/** Why this Dockerfile cannot be built here, before anything is done. */
export async function refusalOfDockerfile(
  build: BuildModel,
  workspace: Workspace,
): Promise<string | undefined> {
  await readPlan(build, workspace.root);
  return undefined;
}

/** The images from outside that the build would pull, as the file names them. */
export async function imagesOfDockerfile(
  build: BuildModel,
  workspace: Workspace,
): Promise<string[]> {
  const { dockerfile, target } = await readPlan(build, workspace.root);
  return outsideImages(dockerfile, neededStages(dockerfile, target));
}

/** Errors: `InputError` with file and line. */
export async function buildDockerfile(
  request: BuildRequest,
  options: { layout: OciLayout; cache: LayerCache; cacheDirectory: string },
): Promise<{
  image: ImageState;
  base?: BaseImage;
  inputs: Record<string, string>;
}> {
  const { build, workspace, signal, log } = request;
  const { text, file, dockerfile, target } = await readPlan(
    build,
    workspace.root,
  );
  const contextRoot = await resolveContextFolder(workspace.root, build.context);
  const ignores = await readDockerignore(contextRoot);
  const isGit = parseDockerignore('.git');
  const context = await readContext(contextRoot, {
    ignores: Object.assign((path: string) => isGit(path) || ignores(path), {
      hasExceptions: ignores.hasExceptions,
    }),
    signal,
  });
  const scratch = await mkdtemp(join(options.cacheDirectory, 'stages-'));
  try {
    const builder = new StageBuilder({
      request,
      file,
      dockerfile,
      predefined: predefinedArgs(),
      context,
      layout: options.layout,
      cache: options.cache,
      scratch,
    });
    const { image, base } = await builder.build(target);
    for (const name of Object.keys(build.args)) {
      if (!builder.usedArgs.has(name) && !dockerfile.globals.has(name)) {
        log(`Build argument ${name} is not used by ${file}`);
      }
    }
    return {
      image,
      ...(base && { base }),
      inputs: {
        dockerfile: createHash('sha256').update(text).digest('hex'),
        layers: image.diffIds.join(' '),
        ...Object.fromEntries(
          Object.entries(build.args).map(([name, value]) => [
            `arg:${name}`,
            // Arguments may be secrets by mistake; their hash tells as much.
            createHash('sha256').update(value).digest('hex'),
          ]),
        ),
      },
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
