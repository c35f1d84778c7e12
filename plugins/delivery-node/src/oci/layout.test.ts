import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { digestOf } from './digest';
import { OciLayout } from './layout';
import { OCI_MEDIA_TYPES } from './manifest';

describe('an image layout on disk', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-layout-'));
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  it('gives back what was written, by digest, also after it is opened again', async () => {
    const written = await OciLayout.create(directory);
    const bytes = Buffer.from('{"schemaVersion":2,"manifests":[]}');
    const blob = await written.writeBlob(bytes);
    await written.addToIndex({ mediaType: OCI_MEDIA_TYPES.index, ...blob });
    await written.addToIndex({ mediaType: OCI_MEDIA_TYPES.index, ...blob });
    const layout = await OciLayout.open(directory);
    expect(await layout.index()).toEqual([
      { mediaType: OCI_MEDIA_TYPES.index, ...blob },
    ]);
    expect(await layout.readBlob(blob.digest)).toEqual(bytes);
    expect(await buffer(layout.blobStream(blob))).toEqual(bytes);
    expect((await layout.readManifest(blob.digest)).manifest.kind).toBe(
      'index',
    );
  });

  it('never hands out bytes that are not what their name says', async () => {
    const layout = await OciLayout.create(directory);
    const blob = await layout.writeBlob(Buffer.from('true'));
    await writeFile(layout.blobPath(blob.digest), 'lies');
    const mismatch = { name: 'DigestMismatchError' };
    await expect(layout.readBlob(blob.digest)).rejects.toMatchObject(mismatch);
    await expect(layout.verifyBlob(blob)).rejects.toMatchObject(mismatch);
    await expect(buffer(layout.blobStream(blob))).rejects.toMatchObject(
      mismatch,
    );
  });

  it('leaves nothing behind of a stream that lies, is too big or breaks', async () => {
    const layout = await OciLayout.create(directory);
    const expected = { digest: digestOf('promised'), size: 8 };
    const cases: Array<[Readable, RegExp]> = [
      [Readable.from([Buffer.from('Promised')]), /digest/],
      [Readable.from([Buffer.from('promised and more')]), /more than the 8/],
      [Readable.from([Buffer.from('prom')]), /4 bytes where 8/],
      [
        Readable.from(
          (async function* broken() {
            yield Buffer.from('prom');
            throw new Error('the line broke');
          })(),
        ),
        /the line broke/,
      ],
    ];
    for (const [stream, message] of cases) {
      await expect(
        layout.writeBlobStream(stream, { expected, maxBytes: 1000 }),
      ).rejects.toThrow(message);
    }
    await expect(
      layout.writeBlobStream(Readable.from([Buffer.alloc(2000)]), {
        maxBytes: 1000,
      }),
    ).rejects.toThrow(/limit/);
    expect(await readdir(join(directory, 'blobs'))).toEqual(['sha256']);
    expect(await readdir(join(directory, 'blobs', 'sha256'))).toEqual([]);
  });

  it('refuses names that would leave it, and folders that are none', async () => {
    const layout = await OciLayout.create(directory);
    expect(() => layout.blobPath('sha256:../../etc/passwd')).toThrow(
      /Invalid digest/,
    );
    await expect(layout.readBlob(digestOf('absent'))).rejects.toThrow(
      /incomplete/,
    );
    await expect(OciLayout.open(join(directory, 'blobs'))).rejects.toThrow(
      /not an OCI image layout/,
    );
    await writeFile(
      join(directory, 'oci-layout'),
      '{"imageLayoutVersion":"9.0.0"}',
    );
    await expect(OciLayout.open(directory)).rejects.toThrow(/version "9.0.0"/);
  });

  it('takes over blobs of another layout without sharing their files', async () => {
    const one = await OciLayout.create(join(directory, 'one'));
    const two = await OciLayout.create(join(directory, 'two'));
    const { digest } = await one.writeBlob(Buffer.from('shared'));
    await two.importBlob(one, digest);
    await writeFile(one.blobPath(digest), 'broken');
    expect((await two.readBlob(digest)).toString()).toBe('shared');
  });
});
