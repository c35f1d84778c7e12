import { mkdir } from 'node:fs/promises';
import {
  createRegistryClient,
  LayerEntry,
  OciLayout,
  RegistryAccess,
  writeLayer,
} from '@slipway/backstage-plugin-delivery-node';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { addLayer, emptyImage, writeImage } from './image';

const BASE_MAX_BYTES = 16 * 1024 * 1024;

/** The base image of Node services when nothing else is said. */
export const DEFAULT_BASE_IMAGE = 'library/node-base:24';

function text(path: string, lines: string[], mode?: number): LayerEntry {
  return {
    type: 'file',
    path,
    bytes: Buffer.from(`${lines.join('\n')}\n`),
    ...(mode && { mode }),
  };
}

/**
 * Makes the small base image of the embedded default and pushes it as
 * `library/node-base:24`, unless the registry has one under this tag.
 *
 * It is made of nothing but what is written here, so nothing is downloaded.
 * It holds no Node: the local runtime runs images with this machine's own,
 * which the image's labels say.
 *
 * @public
 */
export async function makeBaseImage(options: {
  registry: RegistryAccess;
  /** An empty folder for the image's layout. */
  directory: string;
  sourceDateEpoch: number;
  signal?: AbortSignal;
}): Promise<{ repository: string; tag: string; digest: Digest }> {
  const { registry, signal, sourceDateEpoch } = options;
  const [repository, tag] = DEFAULT_BASE_IMAGE.split(':');
  const client = createRegistryClient(registry);
  const there = await client.headManifest(repository, tag, signal);
  if (there) {
    return { repository, tag, digest: there.digest };
  }
  await mkdir(options.directory, { recursive: true });
  const layout = await OciLayout.create(options.directory);
  const layer = await writeLayer(
    layout,
    [
      text('etc/passwd', [
        'root:x:0:0:root:/root:/sbin/nologin',
        'node:x:1000:1000:node:/home/node:/sbin/nologin',
        'nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin',
      ]),
      text('etc/group', ['root:x:0:', 'node:x:1000:', 'nogroup:x:65534:']),
      text('etc/os-release', [
        'NAME="Slipway base"',
        'ID=slipway-base',
        'VERSION_ID=24',
        'PRETTY_NAME="Slipway base for Node services (without Node)"',
      ]),
      { type: 'directory', path: 'app' },
      { type: 'directory', path: 'home/node', uid: 1000, gid: 1000 },
      { type: 'directory', path: 'root', mode: 0o700 },
      { type: 'directory', path: 'tmp', mode: 0o1777 },
    ],
    { mtimeSeconds: sourceDateEpoch, maxBytes: BASE_MAX_BYTES, signal },
  );
  const image = emptyImage();
  image.config = {
    Env: [
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'NODE_ENV=production',
    ],
    WorkingDir: '/app',
    Labels: {
      'dev.slipway.base': 'node-base',
      'dev.slipway.node':
        'none: the local runtime uses the Node of its machine',
    },
  };
  addLayer(image, layer, {
    created: new Date(sourceDateEpoch * 1000).toISOString(),
    created_by: 'slipway makeBaseImage',
  });
  const { digest } = await writeImage(layout, image, {
    sourceDateEpoch,
    annotations: {
      'org.opencontainers.image.title': 'Slipway base for Node services',
    },
  });
  await client.pushLayout(layout, digest, repository, { tag, signal });
  return { repository, tag, digest };
}
