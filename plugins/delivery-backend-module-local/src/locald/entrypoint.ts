import { realpath, stat } from 'node:fs/promises';
import { basename, join, posix, resolve, sep } from 'node:path';
import { InputError } from '@backstage/errors';
import { isMissing } from './files';
import { RunSpec } from './protocol';

/*
 * Images are run by this machine's Node and not in a container, so only an
 * image whose process is `node` can run. Paths that the image means from its
 * own root are taken from the folder it was unpacked in.
 */

/** What an image's configuration says about its process. */
export interface ImageProcess {
  entrypoint: string[];
  cmd: string[];
  env: string[];
  workingDir: string;
}

/** Node's options that take a module's path as their next argument. */
const MODULE_OPTIONS = new Set(['-r', '--require', '--import', '--loader']);
const CODE_OPTIONS = new Set(['-e', '--eval', '-p', '--print']);

async function inside(rootfs: string, path: string): Promise<string> {
  const real = await realpath(path);
  const root = await realpath(rootfs);
  if (real !== root && !real.startsWith(root + sep)) {
    throw new InputError(
      `Not runnable locally: "${path.slice(
        rootfs.length,
      )}" leads out of the image`,
    );
  }
  return real;
}

/**
 * The arguments for Node and the folder to run them in.
 *
 * Errors: `InputError` that begins with "Not runnable locally" and says why.
 */
export async function resolveEntrypoint(
  spec: Pick<RunSpec, 'command' | 'args' | 'workingDir'>,
  image: ImageProcess,
  rootfs: string,
): Promise<{ args: string[]; cwd: string }> {
  // As Kubernetes has it: a command of its own drops the image's arguments.
  const argv = [
    ...(spec.command ?? image.entrypoint),
    ...(spec.args ?? (spec.command ? [] : image.cmd)),
  ];
  const [program, ...rest] = argv;
  if (program === undefined) {
    throw new InputError(
      'Not runnable locally: the image has neither an entrypoint nor a command',
    );
  }
  if (!['node', 'nodejs'].includes(basename(program))) {
    throw new InputError(
      `Not runnable locally: the entrypoint is "${program}"; the local environment runs images whose entrypoint is node, because it has this machine's Node and no containers`,
    );
  }
  const workingDir = posix.resolve('/', spec.workingDir || image.workingDir);
  let cwd: string;
  try {
    cwd = await inside(rootfs, join(rootfs, workingDir));
  } catch (error) {
    if (isMissing(error)) {
      throw new InputError(
        `Not runnable locally: the image has no folder "${workingDir}" to work in`,
      );
    }
    throw error;
  }
  return { args: await mapArguments(rest, cwd, rootfs), cwd };
}

async function mapArguments(
  given: string[],
  cwd: string,
  rootfs: string,
): Promise<string[]> {
  const mapped: string[] = [];
  for (let index = 0; index < given.length; index += 1) {
    const argument = given[index];
    if (CODE_OPTIONS.has(argument)) {
      return [...mapped, ...given.slice(index)];
    }
    if (MODULE_OPTIONS.has(argument) && index + 1 < given.length) {
      index += 1;
      const module = given[index];
      mapped.push(
        argument,
        module.startsWith('/') ? join(rootfs, module) : module,
      );
    } else if (argument.startsWith('-')) {
      mapped.push(argument);
    } else {
      mapped.push(await findScript(argument, cwd, rootfs));
      return [...mapped, ...given.slice(index + 1)];
    }
  }
  throw new InputError(
    'Not runnable locally: node is started without a script',
  );
}

async function findScript(
  script: string,
  cwd: string,
  rootfs: string,
): Promise<string> {
  const path = script.startsWith('/')
    ? join(rootfs, posix.normalize(script))
    : resolve(cwd, script);
  for (const candidate of [path, `${path}.js`, join(path, 'index.js')]) {
    try {
      if ((await stat(candidate)).isFile()) {
        return await inside(rootfs, candidate);
      }
    } catch (error) {
      if (!isMissing(error)) {
        throw error;
      }
    }
  }
  throw new InputError(
    `Not runnable locally: node should run "${script}", which is not in the image`,
  );
}
