import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { BuildModel } from '@slipway/backstage-plugin-delivery-common';
import {
  ImageBuilder,
  RegistryAccess,
  Workspace,
} from '@slipway/backstage-plugin-delivery-node';
import { insideWorkspace } from './folders';

/*
 * A Build is found again by everything that went into it: the context's files,
 * the Dockerfile, the definition's `build`, and what the builder brings (its
 * version, the base images as they resolve now). Only a builder that can name
 * its part has its Builds found again; with others a newer base image would go
 * unseen.
 */

async function hashFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest('hex');
}

/** One line for each entry; names are escaped, so that no file can fake one. */
async function describeTree(
  folder: string,
  signal: AbortSignal,
): Promise<string[]> {
  const lines: string[] = [];
  async function visit(path: string) {
    signal.throwIfAborted();
    const info = await lstat(path);
    const name = JSON.stringify(relative(folder, path));
    if (info.isDirectory()) {
      lines.push(`dir ${name}`);
      for (const entry of (await readdir(path)).sort()) {
        await visit(join(path, entry));
      }
    } else if (info.isSymbolicLink()) {
      lines.push(`link ${name} ${JSON.stringify(await readlink(path))}`);
    } else if (info.isFile()) {
      const executable = info.mode & 0o111 ? 'x' : '-';
      lines.push(`file ${name} ${executable} ${await hashFile(path, signal)}`);
    } else {
      lines.push(`other ${name}`);
    }
  }
  await visit(folder);
  return lines;
}

export async function hashBuildInputs(options: {
  builder: ImageBuilder;
  build: BuildModel;
  workspace: Workspace;
  registry: RegistryAccess;
  signal: AbortSignal;
}): Promise<string | undefined> {
  const { builder, build, workspace, registry, signal } = options;
  const fingerprint = await builder.fingerprint?.({
    build,
    workspace,
    registry,
    signal,
  });
  if (!fingerprint) {
    return undefined;
  }
  const context = await insideWorkspace(workspace.root, build.context);
  const dockerfile =
    build.dockerfile &&
    (await insideWorkspace(workspace.root, build.dockerfile));
  const sorted = (record: Record<string, string>) =>
    Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(
      JSON.stringify({
        version: 1,
        builder: builder.id,
        fingerprint: sorted(fingerprint),
        context: build.context,
        dockerfile: build.dockerfile && [
          build.dockerfile,
          await hashFile(dockerfile ?? '', signal),
        ],
        target: build.target,
        args: sorted(build.args),
        tree: await describeTree(context, signal),
      }),
    )
    .digest('hex');
}
