import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import {
  OciLayout,
  WrittenLayer,
} from '@slipway/backstage-plugin-delivery-node';
import { isError } from '@backstage/errors';

/** A key of everything that a layer is made from. */
export function layerKey(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    // Lengths keep "ab","c" and "a","bc" apart.
    hash.update(`${Buffer.byteLength(part)}:`).update(part);
  }
  return hash.digest('hex');
}

/** Layers that were made before, found again by what they were made from. */
export class LayerCache {
  private constructor(
    readonly blobs: OciLayout,
    private readonly directory: string,
  ) {}

  static async open(directory: string): Promise<LayerCache> {
    const keys = join(directory, 'keys');
    await mkdir(keys, { recursive: true });
    return new LayerCache(
      await OciLayout.create(join(directory, 'layout')),
      keys,
    );
  }

  /** The layer, when it is known and its bytes are still what they were. */
  async find(key: string): Promise<WrittenLayer | undefined> {
    let found: WrittenLayer;
    try {
      found = JSON.parse(await readFile(join(this.directory, key), 'utf8'));
    } catch (error) {
      if (isError(error) && error.code === 'ENOENT') {
        return undefined;
      }
      throw error;
    }
    if (
      (await this.blobs.blobSize(found.descriptor.digest)) !==
      found.descriptor.size
    ) {
      return undefined;
    }
    await this.blobs.verifyBlob(found.descriptor);
    return found;
  }

  async remember(key: string, layer: WrittenLayer): Promise<void> {
    const temporary = join(this.directory, `.partial-${randomUUID()}`);
    await writeFile(temporary, JSON.stringify(layer));
    await rename(temporary, join(this.directory, key));
  }
}
