import { lstat, readFile } from 'node:fs/promises';
import { isError } from '@backstage/errors';
import {
  DefinitionModel,
  DefinitionProblem,
  ManifestsModel,
} from '@slipway/backstage-plugin-delivery-common';
import { plainRenderer } from '@slipway/backstage-plugin-delivery-node';
import {
  describeProblem,
  effectivePolicy,
  parseDefinition,
  ParsedDefinition,
} from '../../definition';
import { Bundle, collectBundle, encodeBundle } from '../bundle';
import { insideWorkspace } from '../folders';
import { StageFailure } from '../stageErrors';
import { Stage, StageContext } from '../types';

const MAX_DEFINITION_BYTES = 1024 * 1024;
const SHOWN_PROBLEMS = 3;

/** The kind of what lies at a path of the workspace, or what is wrong with it. */
async function kindOf(
  root: string,
  path: string,
): Promise<'file' | 'folder' | string> {
  try {
    const info = await lstat(await insideWorkspace(root, path));
    if (info.isFile()) {
      return 'file';
    }
    return info.isDirectory() ? 'folder' : 'neither a file nor a folder';
  } catch (error) {
    if (isError(error) && error.name === 'InputError') {
      return 'no such file or folder in this commit';
    }
    throw error;
  }
}

async function readDefinitionFile(
  root: string,
  path: string,
): Promise<{ text: string } | { problem: DefinitionProblem }> {
  const expected = 'a delivery definition';
  const kind = await kindOf(root, path);
  if (kind !== 'file') {
    return { problem: { file: path, expected, found: kind } };
  }
  const real = await insideWorkspace(root, path);
  const { size } = await lstat(real);
  if (size > MAX_DEFINITION_BYTES) {
    return {
      problem: {
        file: path,
        expected: `${expected} of at most ${MAX_DEFINITION_BYTES} bytes`,
        found: `${size} bytes`,
      },
    };
  }
  return { text: await readFile(real, 'utf8') };
}

/** Files that the definition names and that are not there. */
async function missingFiles(
  root: string,
  file: string,
  model: DefinitionModel,
  locate: ParsedDefinition['locate'],
): Promise<DefinitionProblem[]> {
  const problems: DefinitionProblem[] = [];
  for (const [index, { name, build }] of model.images.entries()) {
    const at = ['images', index, 'build'];
    const context = await kindOf(root, build.context);
    if (context !== 'folder') {
      problems.push({
        file,
        ...locate([...at, 'context']),
        path: `images[${index}].build.context`,
        expected: `the folder that image "${name}" is built from`,
        found: `"${build.context}": ${context}`,
      });
    }
    if (build.dockerfile) {
      const dockerfile = await kindOf(root, build.dockerfile);
      if (dockerfile !== 'file') {
        problems.push({
          file,
          ...locate([...at, 'dockerfile']),
          path: `images[${index}].build.dockerfile`,
          expected: `the Dockerfile of image "${name}"`,
          found: `"${build.dockerfile}": ${dockerfile}`,
          hint: 'The path is relative to the root of the repository.',
        });
      }
    }
  }
  const seen = new Set<string>();
  for (const { ref, manifests } of model.environments) {
    if (!seen.has(manifests.path)) {
      seen.add(manifests.path);
      const kind = await kindOf(root, manifests.path);
      const wanted =
        manifests.renderer === 'plain' ? ['file', 'folder'] : ['folder'];
      if (!wanted.includes(kind)) {
        problems.push({
          file,
          ...locate(['environments']),
          path: `environments (${ref})`,
          expected: `manifests (${manifests.renderer}) at "${manifests.path}"`,
          found: kind,
          hint: 'Name them with `manifests`; the default is the folder "deploy".',
        });
      }
    }
  }
  return problems;
}

function failure(problems: DefinitionProblem[]): StageFailure {
  const shown = problems.slice(0, SHOWN_PROBLEMS).map(describeProblem);
  const more = problems.length - shown.length;
  return new StageFailure(
    {
      code: 'definition-invalid',
      message: `The delivery definition cannot be used: ${shown.join('; ')}${
        more > 0 ? `; and ${more} more` : ''
      }`,
      evidence: problems.map(describeProblem).join('\n'),
      action: 'Correct the file and release the new commit.',
    },
    { release: { definitionProblems: problems } },
  );
}

/**
 * Manifests that nothing has to be known for to render are rendered once now:
 * an error in them is the commit's, and is told before anything is built.
 */
async function tryManifests(
  { release, signal }: StageContext,
  model: DefinitionModel,
  bundle: Bundle,
) {
  const images = Object.fromEntries(
    model.images.map(({ name, repository }) => [name, repository]),
  );
  for (const { ref, manifests } of model.environments) {
    if (manifests.renderer === plainRenderer.id) {
      await plainRenderer.render({
        target: { service: release.service, environment: ref },
        releaseId: release.id,
        bundle,
        path: manifests.path,
        images,
        signal,
      });
    }
  }
}

/**
 * What the manifests are made from. An overlay of kustomize builds on folders
 * beside its own, so everything below its first folder belongs to it.
 */
function sourcesOf({ renderer, path }: ManifestsModel): string {
  return renderer === 'kustomize' ? path.split('/')[0] : path;
}

async function ensureTargets(
  { release, environments, store }: StageContext,
  model: DefinitionModel,
) {
  const service = await store.services.get(release.service);
  await store.targets.ensureMany(
    environments
      .filter(({ name }) => model.environments.some(({ ref }) => ref === name))
      .map(({ name, tier }) => ({
        target: { service: release.service, environment: name },
        tier,
        owner: service?.owner,
        system: service?.system,
      })),
  );
}

/**
 * The service's document of the commit's `delivery.yaml`, resolved, with the
 * manifests' sources that it names.
 */
export const definitionStage: Stage = {
  name: 'definition',
  needs: ['workspace'],
  async run(context) {
    const { checkpoint, folders, environments, store, log, signal } = context;
    const { metrics, connections } = context;
    const root = folders.workspace;
    const { definitionPath: file, name } = checkpoint.source;
    const source = await readDefinitionFile(root, file);
    if ('problem' in source) {
      throw failure([source.problem]);
    }
    const { model, problems, locate } = parseDefinition(source.text, {
      file,
      name,
      environments: environments.map(environment => environment.name),
      metrics,
      connections,
    });
    if (!model) {
      problems.map(describeProblem).forEach(log);
      throw failure(problems);
    }
    const missing = await missingFiles(root, file, model, locate);
    if (missing.length > 0) {
      missing.map(describeProblem).forEach(log);
      throw failure(missing);
    }
    const paths = model.environments.map(({ manifests }) =>
      sourcesOf(manifests),
    );
    const bundle = await collectBundle(root, [...new Set(paths)], signal);
    await tryManifests(context, model, bundle);
    const bundleBlob = await store.blobs.put(encodeBundle(bundle));
    await ensureTargets(context, model);
    log(
      `${file} (${model.apiVersion}): ${
        model.images.length
      } image(s), environments ${model.environments
        .map(({ ref }) => ref)
        .join(', ')}`,
    );
    effectivePolicy(environments, model).explanation.forEach(log);
    return {
      release: { definition: model, definitionProblems: [], bundleBlob },
      facts: {
        images: model.images.length,
        environments: model.environments.length,
        manifests: bundle.size,
      },
    };
  },
};
