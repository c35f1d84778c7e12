import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mockServices } from '@backstage/backend-test-utils';
import {
  createRegistryClient,
  digestOf,
  OCI_MEDIA_TYPES,
  OciLayout,
  RegistryClient,
  writeLayer,
} from '@slipway/backstage-plugin-delivery-node';
import { testRegistry } from '../testing';
import { startRegistry, StartedRegistry } from './server';

jest.setTimeout(60_000);

describe('the embedded registry', () => {
  let directory: string;
  let registry: StartedRegistry;
  let client: RegistryClient;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-registry-'));
    registry = await testRegistry(join(directory, 'registry'));
    client = createRegistryClient(registry.access);
  });

  afterEach(async () => {
    await registry.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function makeImage(name: string, content: string, subject?: object) {
    const layout = await OciLayout.create(join(directory, name));
    const layer = await writeLayer(
      layout,
      [{ type: 'file', path: 'a', bytes: Buffer.from(content) }],
      { mtimeSeconds: 0, maxBytes: 1_000_000 },
    );
    const config = await layout.writeBlob(Buffer.from('{}'));
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MEDIA_TYPES.manifest,
        ...(subject && { subject, artifactType: 'application/x-test' }),
        config: { mediaType: OCI_MEDIA_TYPES.config, ...config },
        layers: [layer.descriptor],
      }),
    );
    const { digest, size } = await layout.writeBlob(bytes);
    return {
      layout,
      digest,
      descriptor: { mediaType: OCI_MEDIA_TYPES.manifest, digest, size },
      layer: layer.descriptor,
    };
  }

  function send(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body = '',
  ): Promise<{
    status: number;
    headers: NodeJS.Dict<string | string[]>;
    text: string;
  }> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        { host: '127.0.0.1', port: registry.port, method, path, headers },
        response => {
          let text = '';
          response.on('data', chunk => (text += chunk));
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text,
            }),
          );
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  }

  it('takes exactly the bytes of a layout, once, and gives them back', async () => {
    const image = await makeImage('one', 'hello');
    const first = await client.pushLayout(image.layout, image.digest, 'a/b', {
      tag: '1.0.0',
    });
    expect(first.uploaded).toHaveLength(2);
    const again = await client.pushLayout(image.layout, image.digest, 'a/b', {
      tag: '1.0.0',
    });
    expect(again.uploaded).toEqual([]);

    const pulled = await OciLayout.create(join(directory, 'pulled'));
    const { root } = await client.pullToLayout('a/b', '1.0.0', pulled);
    expect(root.digest).toBe(image.digest);
    expect(await pulled.readBlob(image.digest)).toEqual(
      await image.layout.readBlob(image.digest),
    );
    await pulled.verifyBlob(image.layer);
  });

  it('refuses a second image under a tag that is taken, through our client', async () => {
    const one = await makeImage('one', 'hello');
    const two = await makeImage('two', 'other');
    await client.pushLayout(one.layout, one.digest, 'a/b', { tag: '1.0.0' });
    await expect(
      client.pushLayout(two.layout, two.digest, 'a/b', { tag: '1.0.0' }),
    ).rejects.toMatchObject({ name: 'ConflictError' });
    expect((await client.headManifest('a/b', '1.0.0'))?.digest).toBe(
      one.digest,
    );
  });

  it('promotes between repositories with all that refers to an image, and moves no bytes of blobs', async () => {
    const image = await makeImage('one', 'hello');
    const signature = await makeImage('sig', 'signed', image.descriptor);
    await client.pushLayout(image.layout, image.digest, 'staging/app');
    await client.pushLayout(signature.layout, signature.digest, 'staging/app');
    const sent: Array<{ method: string; bytes: number }> = [];
    const counting = createRegistryClient(registry.access, {
      fetch: async (input, init) => {
        const body = init?.body;
        sent.push({
          method: `${init?.method} ${new URL(String(input)).pathname}`,
          bytes: body ? new Blob([body as Uint8Array<ArrayBuffer>]).size : 0,
        });
        return fetch(input, init);
      },
    });
    await counting.promote('staging/app', 'production/app', image.digest, {
      tag: '1.0.0',
    });
    const toBlobs = sent.filter(
      ({ method, bytes }) => method.includes('/blobs/') && bytes !== 0,
    );
    expect(toBlobs).toEqual([]);
    expect(await client.listReferrers('production/app', image.digest)).toEqual([
      expect.objectContaining({
        digest: signature.digest,
        artifactType: 'application/x-test',
      }),
    ]);
    const pulled = await OciLayout.create(join(directory, 'pulled'));
    await client.pullToLayout('production/app', '1.0.0', pulled);
    await pulled.verifyBlob(image.layer);
  });

  it('keeps everything over a restart, and one repository from the blobs of another', async () => {
    const image = await makeImage('one', 'hello');
    await client.pushLayout(image.layout, image.digest, 'a/b', { tag: 'v1' });
    await registry.stop();
    registry = await testRegistry(join(directory, 'registry'));
    client = createRegistryClient(registry.access);
    expect((await client.headManifest('a/b', 'v1'))?.digest).toBe(image.digest);
    expect(await client.headBlob('c/d', image.layer.digest)).toBeUndefined();
    expect(await client.listTags('a/b')).toEqual(['v1']);
    expect(await client.listTags('c/d')).toEqual([]);
  });

  it('takes an upload in chunks, tells where it stands, and refuses what does not fit', async () => {
    const begun = await send('POST', '/v2/a/b/blobs/uploads/');
    const location = String(begun.headers.location);
    expect(begun.status).toBe(202);
    const chunk = (range: string, body: string) =>
      send('PATCH', location, { 'content-range': range }, body);
    expect((await chunk('0-3', 'hell')).headers.range).toBe('0-3');
    const gap = await chunk('9-9', 'o');
    expect(gap.status).toBe(416);
    expect(gap.headers.range).toBe('0-3');
    const short = await chunk('4-9', 'o');
    expect(short.status).toBe(400);
    const status = await send('GET', location);
    expect([status.status, status.headers.range]).toEqual([204, '0-3']);
    const wrong = await send(
      'PUT',
      `${location}?digest=${digestOf('x')}`,
      {},
      'o',
    );
    expect([wrong.status, JSON.parse(wrong.text).errors[0].code]).toEqual([
      400,
      'DIGEST_INVALID',
    ]);
    const done = await send('PUT', `${location}?digest=${digestOf('hello')}`);
    expect(done.status).toBe(201);
    expect((await send('GET', String(done.headers.location))).text).toBe(
      'hello',
    );
    const part = await send('GET', String(done.headers.location), {
      range: 'bytes=1-2',
    });
    expect([part.status, part.text]).toEqual([206, 'el']);
    expect((await send('GET', location)).status).toBe(404);
  });

  it('answers hostile requests with an error and never leaves its folder', async () => {
    const before = await readdir(directory);
    await writeFile(join(directory, 'secret'), 'secret');
    for (const path of [
      '/v2/../../secret/manifests/x',
      '/v2/%2e%2e/%2e%2e/manifests/secret',
      '/v2/a/manifests/..%2f..%2fsecret',
      '/v2/a/blobs/sha256:..%2f..%2f..%2fsecret',
      '/v2/A/tags/list',
      '/v2/_uploads/x/tags/list',
      '/v2/%zz/tags/list',
    ]) {
      const answer = await send('GET', path);
      expect([400, 404]).toContain(answer.status);
      expect(answer.text).not.toContain('secret is');
      expect(JSON.parse(answer.text).errors[0].code).toEqual(
        expect.any(String),
      );
    }
    const foreign = await send('GET', '/v2/', { host: 'evil.example' });
    expect(foreign.status).toBe(403);
    const page = await send('GET', '/v2/', { origin: 'https://evil.example' });
    expect(page.status).toBe(403);
    const big = await send('PUT', '/v2/a/manifests/v1', {
      'content-length': String(50 * 1024 * 1024),
    }).catch((error: Error) => error);
    expect(big instanceof Error || big.status === 413).toBe(true);
    expect((await readdir(directory)).sort()).toEqual(
      [...before, 'secret'].sort(),
    );
  });

  it('refuses a manifest that names what is not there', async () => {
    const image = await makeImage('one', 'hello');
    await expect(
      client.putManifest(
        'a/b',
        image.digest,
        await image.layout.readBlob(image.digest),
        OCI_MEDIA_TYPES.manifest,
      ),
    ).rejects.toThrow(/MANIFEST_BLOB_UNKNOWN/);
  });

  it('listens on loopback only', async () => {
    await expect(
      startRegistry({
        directory,
        host: '0.0.0.0',
        logger: mockServices.logger.mock(),
      }),
    ).rejects.toThrow(/127\.0\.0\.1/);
    await expect(
      startRegistry({
        directory,
        port: registry.port,
        logger: mockServices.logger.mock(),
      }),
    ).rejects.toThrow(/is taken/);
  });
});
