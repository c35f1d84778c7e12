import http from 'node:http';
import { AddressInfo } from 'node:net';
import {
  OCI_MEDIA_TYPES,
  LayerEntry,
  OciLayout,
  RegistryAccess,
  writeLayer,
} from '@slipway/backstage-plugin-delivery-node';

/** Serves the blobs of a layout as a registry does, for pulls only. */
export interface TestRegistry {
  access: RegistryAccess;
  layout: OciLayout;
  /** Changes what is sent. */
  tamper?: (kind: 'manifests' | 'blobs', bytes: Buffer) => Buffer;
  close(): Promise<void>;
}

export async function startTestRegistry(
  directory: string,
): Promise<TestRegistry> {
  const layout = await OciLayout.create(directory);
  const hooks: Pick<TestRegistry, 'tamper'> = {};
  const server = http.createServer(async (request, response) => {
    const match = /^\/v2\/.+\/(manifests|blobs)\/(sha256:[0-9a-f]{64})$/.exec(
      request.url ?? '',
    );
    const digest = match?.[2];
    if (!digest || (await layout.blobSize(digest)) === undefined) {
      response.writeHead(request.url === '/v2/' ? 200 : 404).end('{}');
      return;
    }
    const kind = match[1] === 'manifests' ? 'manifests' : 'blobs';
    const stored = await layout.readBlob(digest, { maxBytes: 100_000_000 });
    const bytes = hooks.tamper?.(kind, stored) ?? stored;
    response.writeHead(200, {
      'content-type':
        kind === 'manifests'
          ? OCI_MEDIA_TYPES.manifest
          : 'application/octet-stream',
      'content-length': bytes.length,
      'docker-content-digest': digest,
    });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  });
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return Object.assign(hooks, {
    layout,
    access: { url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}` },
    close: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

/** Puts an image into the registry; returns `host/repository@sha256:...`. */
export async function pushTestImage(
  registry: TestRegistry,
  entries: LayerEntry[],
  config: Record<string, unknown> = {},
): Promise<string> {
  const { layout, access } = registry;
  const { descriptor, diffId } = await writeLayer(layout, entries, {
    mtimeSeconds: 0,
    maxBytes: 100_000_000,
  });
  const configBlob = await layout.writeBlob(
    Buffer.from(
      JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        config: {
          Entrypoint: ['node'],
          Cmd: ['server.js'],
          WorkingDir: '/app',
          Env: ['FROM_IMAGE=image'],
          ...config,
        },
        rootfs: { type: 'layers', diff_ids: [diffId] },
      }),
    ),
  );
  const manifest = await layout.writeBlob(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MEDIA_TYPES.manifest,
        config: { mediaType: OCI_MEDIA_TYPES.config, ...configBlob },
        layers: [descriptor],
      }),
    ),
  );
  return `${access.host}/test/app@${manifest.digest}`;
}

export function file(path: string, text: string): LayerEntry {
  return { type: 'file', path, bytes: Buffer.from(text) };
}
