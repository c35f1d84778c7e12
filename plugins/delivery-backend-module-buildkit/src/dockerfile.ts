import { readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { InputError } from '@backstage/errors';
import { BuildModel } from '@slipway/backstage-plugin-delivery-common';
import { Workspace } from '@slipway/backstage-plugin-delivery-node';
import { DockerfileParser } from 'dockerfile-ast';

const MAX_DOCKERFILE_BYTES = 1024 * 1024;
/** What the frontend inside of BuildKit reads anyway, so it need not be pulled. */
const OWN_SYNTAX =
  /^(?:docker\.io\/)?docker\/dockerfile(?::1(?:\.\d+)*(?:-labs)?)?$/;

/** A Dockerfile as far as we have to know it before BuildKit does. */
export interface ReadDockerfile {
  /** With its `syntax` line blanked: no frontend is pulled and run. */
  text: string;
  /** `.dockerignore` that belongs to this Dockerfile alone. */
  ignore?: string;
  /** Images it takes something from, as written, once each. */
  images: string[];
  /** A name of an image depends on what we cannot resolve. */
  isOpen: boolean;
}

/**
 * Reads the Dockerfile of a build.
 *
 * Errors: `InputError` when it is not there, lies outside of the workspace,
 * is too big, or wants another frontend than BuildKit's own.
 */
export async function readDockerfile(
  workspace: Workspace,
  build: BuildModel,
): Promise<ReadDockerfile> {
  const path = build.dockerfile ?? join(build.context, 'Dockerfile');
  const file = await inside(workspace, path);
  const { size } = await stat(file);
  if (size > MAX_DOCKERFILE_BYTES) {
    throw new InputError(
      `${path} has ${size} bytes; a Dockerfile has at most ${MAX_DOCKERFILE_BYTES}`,
    );
  }
  const text = await readFile(file, 'utf8');
  const ignore = await optional(workspace, `${path}.dockerignore`);
  return {
    text: withoutSyntax(text, path),
    ...(ignore !== undefined && { ignore }),
    ...imagesOf(text, build.args),
  };
}

/** The real place of a path of the workspace. */
export async function inside(
  workspace: Workspace,
  path: string,
): Promise<string> {
  const root = await realpath(workspace.root);
  let real: string;
  try {
    real = await realpath(join(root, path));
  } catch (error) {
    throw new InputError(`${path} is not in the repository`, error);
  }
  const way = relative(root, real);
  if (way.startsWith('..') || isAbsolute(way)) {
    throw new InputError(`${path} is a link that leaves the repository`);
  }
  return real;
}

async function optional(
  workspace: Workspace,
  path: string,
): Promise<string | undefined> {
  try {
    return await readFile(await inside(workspace, path), 'utf8');
  } catch (error) {
    if (error instanceof InputError) {
      return undefined;
    }
    throw error;
  }
}

/** Parser directives stand before everything else. */
function withoutSyntax(text: string, path: string): string {
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  for (const [index, line] of lines.entries()) {
    const directive = /^\s*#\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (!directive) {
      break;
    }
    if (directive[1].toLowerCase() === 'syntax') {
      const [, , frontend] = directive;
      if (!OWN_SYNTAX.test(frontend)) {
        throw new InputError(
          `${path}:${
            index + 1
          }: the frontend "${frontend}" is not run here; expected docker/dockerfile:1, or no syntax line`,
        );
      }
      lines[index] = '#';
    }
  }
  return lines.join('\n');
}

function imagesOf(
  text: string,
  args: Record<string, string>,
): Pick<ReadDockerfile, 'images' | 'isOpen'> {
  const dockerfile = DockerfileParser.parse(text);
  const values = new Map<string, string | undefined>();
  for (const arg of dockerfile.getInitialARGs()) {
    const property = arg.getProperty();
    if (property) {
      const name = property.getName();
      values.set(name, args[name] ?? property.getValue() ?? undefined);
    }
  }
  const froms = dockerfile.getFROMs();
  const stages = new Set(
    froms.flatMap((from, index) => [
      String(index),
      ...(from.getBuildStage()
        ? [`${from.getBuildStage()}`.toLowerCase()]
        : []),
    ]),
  );
  const named = [
    ...froms.map(from => from.getImage()),
    ...dockerfile.getCOPYs().map(copy => copy.getFromFlag()?.getValue()),
    ...dockerfile
      .getInstructions()
      .filter(({ getInstruction }) => getInstruction !== undefined)
      .filter(instruction => instruction.getInstruction() === 'RUN')
      .flatMap(run => mountedFrom(run.getArgumentsContent() ?? '')),
  ];
  let isOpen = false;
  const images = new Set<string>();
  for (const name of named) {
    const image = name && substitute(name, values);
    if (name && !image) {
      isOpen = true;
    }
    if (image && image !== 'scratch' && !stages.has(image.toLowerCase())) {
      images.add(image);
    }
  }
  return { images: [...images], isOpen };
}

/** `RUN --mount=type=bind,from=image,...` */
function mountedFrom(content: string): string[] {
  return [...content.matchAll(/--mount=(\S+)/g)].flatMap(([, options]) =>
    options
      .split(',')
      .filter(option => option.startsWith('from='))
      .map(option => option.slice('from='.length)),
  );
}

/** `$NAME`, `${NAME}`, `${NAME:-else}`; `undefined` when a value is missing. */
function substitute(
  text: string,
  values: Map<string, string | undefined>,
): string | undefined {
  let missing = false;
  const result = text.replace(
    /\$(?:\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\}|([A-Za-z_]\w*))/g,
    (_, braced, operator, alternative, bare) => {
      const value = values.get(braced ?? bare);
      if (operator === '+') {
        return value ? alternative : '';
      }
      if (!value && operator !== '-') {
        missing = true;
      }
      return value || alternative || '';
    },
  );
  return missing || result === '' ? undefined : result;
}
