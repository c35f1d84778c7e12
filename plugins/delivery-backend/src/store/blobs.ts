import { createHash } from 'node:crypto';
import { InputError } from '@backstage/errors';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { StoreContext } from './context';
import { BlobsStore, StoreTx } from './types';

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const DIGESTS = /sha256:[0-9a-f]{64}/g;

export function digestOf(bytes: Buffer): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function createBlobsStore(context: StoreContext): BlobsStore {
  const { db, dialect } = context;
  return {
    async put(bytes) {
      const digest = digestOf(bytes);
      const now = dialect.nowSql();
      // Putting again renews the time, which keeps the clean-up away from
      // bytes that a release in the making is about to refer to.
      await db()('blobs')
        .insert({
          digest,
          bytes,
          size_bytes: bytes.length,
          used_at_ms: db().raw(now),
        })
        .onConflict('digest')
        .merge(['used_at_ms']);
      return digest;
    },

    async get(digest) {
      if (!DIGEST.test(digest)) {
        throw new InputError(
          `Invalid digest "${digest}": expected "sha256:" and 64 lowercase hex digits`,
        );
      }
      const row: { bytes: Buffer } | undefined = await db()('blobs')
        .where({ digest })
        .first('bytes');
      if (!row) {
        return undefined;
      }
      const bytes = Buffer.from(row.bytes);
      const found = digestOf(bytes);
      if (found !== digest) {
        throw new Error(
          `The stored bytes of blob ${digest} are damaged: their digest is ${found}; restore the table "blobs" from a backup`,
        );
      }
      return bytes;
    },
  };
}

/**
 * Remembers which blobs an object uses, so that they live as long as it does:
 * every digest that its JSON names and that is a blob of ours.
 */
export async function keepBlobs(
  tx: StoreTx,
  holder: { kind: 'release' | 'plan'; id: string },
  json: string,
): Promise<void> {
  const digests = [...new Set(json.match(DIGESTS) ?? [])];
  if (digests.length === 0) {
    return;
  }
  const known: Array<{ digest: string }> = await tx('blobs')
    .whereIn('digest', digests)
    .select('digest');
  if (known.length > 0) {
    await tx('blob_uses')
      .insert(
        known.map(({ digest }) => ({
          digest,
          holder_kind: holder.kind,
          holder_id: holder.id,
        })),
      )
      .onConflict(['digest', 'holder_kind', 'holder_id'])
      .ignore();
  }
}
