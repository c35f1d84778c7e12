import { execFile } from 'node:child_process';
import { realpath, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import {
  createRegistryClient,
  LayerEntry,
  OCI_MEDIA_TYPES,
  OciLayout,
  RegistryAccess,
  writeLayer,
} from '@slipway/backstage-plugin-delivery-node';

const SHELL = '/bin/sh';

/** Pushes an image that holds this machine's shell, so that RUN can run. */
export async function pushShellImage(
  registry: RegistryAccess,
  directory: string,
  repository: string,
  tag: string,
): Promise<string> {
  const layout = await OciLayout.create(directory);
  const shell = await realpath(SHELL);
  const { stdout } = await promisify(execFile)('ldd', [shell]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(
    ([, path]) => path,
  );
  const files: LayerEntry[] = await Promise.all(
    [[SHELL, shell], ...libraries.map(path => [path, path])].map(
      async ([path, source]) => {
        const file = await realpath(source);
        return {
          type: 'file' as const,
          path: path.slice(1),
          file,
          size: (await stat(file)).size,
          mode: 0o755,
        };
      },
    ),
  );
  const layer = await writeLayer(layout, files, {
    mtimeSeconds: 0,
    maxBytes: 100 * 1024 ** 2,
  });
  const config = await layout.writeBlob(
    Buffer.from(
      JSON.stringify({
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: { Env: ['PATH=/bin'] },
        rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      }),
    ),
  );
  const { digest } = await layout.writeBlob(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MEDIA_TYPES.manifest,
        config: { mediaType: OCI_MEDIA_TYPES.config, ...config },
        layers: [layer.descriptor],
      }),
    ),
  );
  await createRegistryClient(registry).pushLayout(layout, digest, repository, {
    tag,
  });
  return digest;
}
