import { readFile, stat } from 'node:fs/promises';
import { InputError, NotFoundError, isError } from '@backstage/errors';
import { TokenSource } from './tokenSource';

const MAX_TOKEN_BYTES = 64 * 1024;

/**
 * A token in a file that somebody keeps fresh: Kubernetes itself in a pod, or
 * an agent beside us. Read again whenever the file has changed.
 *
 * Errors of `current`: `NotFoundError` when there is no file, `InputError`
 * when it holds no token.
 */
export function tokenFromFile(file: string): TokenSource {
  let kept: { key: string; token: string } | undefined;

  async function look() {
    try {
      // Mounted tokens are links that are put elsewhere: this follows them.
      const { mtimeMs, ino, size } = await stat(file);
      return { key: `${mtimeMs} ${ino}`, size };
    } catch (error) {
      if (isError(error) && error.code === 'ENOENT') {
        throw new NotFoundError(
          `The token file ${file} is not there; outside a pod, set serviceAccountToken or authMetadata.tokenFile of the cluster`,
        );
      }
      throw error;
    }
  }

  return {
    async current() {
      const { key, size } = await look();
      if (kept?.key !== key) {
        if (size > MAX_TOKEN_BYTES) {
          throw new InputError(
            `The token file ${file} has ${size} bytes, which is no token`,
          );
        }
        const token = (await readFile(file, 'utf8')).trim();
        if (!/^\S+$/.test(token)) {
          throw new InputError(`The token file ${file} holds no token`);
        }
        kept = { key, token };
      }
      return kept.token;
    },
    renew() {
      kept = undefined;
    },
  };
}
