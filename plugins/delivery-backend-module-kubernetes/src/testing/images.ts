import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import {
  LayerEntry,
  OCI_MEDIA_TYPES,
  OciDescriptor,
  OciLayout,
  RegistryClient,
  WrittenLayer,
  isDigest,
  parseManifest,
  writeLayer,
} from '@slipway/backstage-plugin-delivery-node';
import { TestServiceOptions, testServiceSource } from './service';

/*
 * Images that really run on nodes without anything being downloaded: the Node
 * that runs the tests and the libraries that it loads are the base layer, the
 * service's file is a layer of its own.
 */

const BASE_REPOSITORY = 'slipway-test/node';
const DIFF_ID = 'dev.slipway.test.diff-id';
const MAX_BYTES = 1024 ** 3;

/** Program and libraries of the running Node, by their path in the image. */
async function nodeFiles(): Promise<LayerEntry[]> {
  const paths = new Map([['usr/local/bin/node', process.execPath]]);
  const { stdout } = await promisify(execFile)('ldd', [process.execPath]);
  for (const [, path] of stdout.matchAll(/(\/\S+) \(0x/g)) {
    paths.set(path.slice(1), path);
  }
  return Promise.all(
    [...paths].map(async ([path, source]) => {
      const file = await realpath(source);
      const { size } = await stat(file);
      return { type: 'file' as const, path, file, size, mode: 0o755 };
    }),
  );
}

const FOLDERS: LayerEntry[] = [
  { type: 'directory', path: 'app' },
  { type: 'directory', path: 'tmp', mode: 0o1777 },
  {
    type: 'file',
    path: 'etc/passwd',
    bytes: Buffer.from(
      'root:x:0:0:root:/root:/sbin/nologin\nnode:x:1000:1000:node:/app:/sbin/nologin\n',
    ),
  },
];

async function writeImage(
  layout: OciLayout,
  layers: WrittenLayer[],
  annotations: Record<string, string>,
) {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const config = await layout.writeBlob(
    Buffer.from(
      JSON.stringify({
        architecture,
        os: 'linux',
        config: {
          User: '1000',
          WorkingDir: '/app',
          Env: ['PATH=/usr/local/bin'],
          Entrypoint: ['/usr/local/bin/node'],
          Cmd: ['/app/server.js'],
        },
        rootfs: {
          type: 'layers',
          diff_ids: layers.map(({ diffId }) => diffId),
        },
      }),
    ),
  );
  return layout.writeBlob(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MEDIA_TYPES.manifest,
        config: { mediaType: OCI_MEDIA_TYPES.config, ...config },
        layers: layers.map(({ descriptor }) => descriptor),
        annotations,
      }),
    ),
  );
}

/** The base layer, made once for each registry and Node. */
async function baseLayer(
  registry: RegistryClient,
  layout: OciLayout,
): Promise<WrittenLayer> {
  const files = await nodeFiles();
  const tag = createHash('sha256')
    .update(JSON.stringify([process.version, process.arch, files, FOLDERS]))
    .digest('hex')
    .slice(0, 32);
  const there = await registry.getManifest(BASE_REPOSITORY, tag);
  if (there) {
    const manifest = parseManifest(there.bytes, 'The base image');
    if (manifest.kind === 'manifest') {
      return {
        descriptor: layerOf(manifest.layers),
        diffId: diffIdOf(manifest),
      };
    }
  }
  const layer = await writeLayer(layout, [...files, ...FOLDERS], {
    mtimeSeconds: 0,
    maxBytes: MAX_BYTES,
  });
  const { digest } = await writeImage(layout, [layer], {
    [DIFF_ID]: layer.diffId,
  });
  await registry.pushLayout(layout, digest, BASE_REPOSITORY, { tag });
  return layer;
}

function layerOf([layer]: OciDescriptor[]): OciDescriptor {
  if (!layer) {
    throw new Error('The base image in the registry has no layer');
  }
  return layer;
}

function diffIdOf({ annotations }: { annotations: Record<string, string> }) {
  const diffId = annotations[DIFF_ID];
  if (!diffId || !isDigest(diffId)) {
    throw new Error(
      `The base image in the registry has no annotation ${DIFF_ID}`,
    );
  }
  return diffId;
}

/** The image of a test service, whole, in a layout of its own. */
export async function writeTestImage(options: {
  registry: RegistryClient;
  layout: OciLayout;
  service: TestServiceOptions;
}): Promise<{ digest: Digest; size: number }> {
  const { registry, layout, service } = options;
  const base = await baseLayer(registry, layout);
  const { digest, size } = base.descriptor;
  if ((await layout.blobSize(digest)) === undefined) {
    const blob = await registry.openBlob(BASE_REPOSITORY, digest);
    await layout.writeBlobStream(blob, {
      expected: { digest, size },
      maxBytes: MAX_BYTES,
    });
  }
  const app = await writeApp(layout, testServiceSource(service));
  const manifest = await writeImage(layout, [base, app], {
    'org.opencontainers.image.version': service.version,
  });
  await layout.addToIndex({ mediaType: OCI_MEDIA_TYPES.manifest, ...manifest });
  return manifest;
}

function writeApp(layout: OciLayout, source: string): Promise<WrittenLayer> {
  return writeLayer(
    layout,
    [{ type: 'file', path: 'app/server.js', bytes: Buffer.from(source) }],
    {
      mtimeSeconds: 0,
      maxBytes: MAX_BYTES,
      isLowerFolder: path => path === 'app',
    },
  );
}

/** Makes images of test services in one repository of a registry. */
export interface TestImages {
  /** `host/repository:tag@sha256:...`; the same options, the same digest. */
  push(options: TestServiceOptions): Promise<string>;
}

export async function createTestImages(options: {
  registry: RegistryClient;
  repository: string;
  /** An empty folder. */
  directory: string;
}): Promise<TestImages> {
  const { registry, repository } = options;
  const layout = await OciLayout.create(options.directory);
  const base = await baseLayer(registry, layout);
  const pushed = new Map<string, Promise<string>>();

  async function push(source: string, version: string): Promise<string> {
    const app = await writeApp(layout, source);
    const { digest } = await writeImage(layout, [base, app], {
      'org.opencontainers.image.version': version,
    });
    const tag = `v-${digest.slice(7, 19)}`;
    await registry.pushLayout(layout, digest, repository, {
      tag,
      mountFrom: BASE_REPOSITORY,
    });
    return `${registry.host}/${repository}:${tag}@${digest}`;
  }

  return {
    push(service) {
      const source = testServiceSource(service);
      const reference = pushed.get(source) ?? push(source, service.version);
      pushed.set(source, reference);
      return reference;
    },
  };
}
