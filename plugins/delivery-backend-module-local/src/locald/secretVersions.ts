import { createHmac, randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { readTextIfThere, writeAtomically } from './files';
import { EnvEntry } from './protocol';
import { Secrets, secretValue } from './secrets';

/*
 * The file of an environment's secrets has no versions, so they are made here:
 * a version says that a value is another one than before, and nothing else of
 * it. It is kept in the backend's database and shown to people; without our key
 * a value cannot be guessed from it, nor seen to be that of another secret.
 */

const KEY_BYTES = 32;
/** Enough to tell versions apart, and short enough to compare by eye. */
const VERSION_LENGTH = 16;

/**
 * The key of this data directory, made where there is none. With another key
 * everything has another version: what is the same may look changed, never the
 * other way round.
 */
export async function ensureVersionKey(
  path: string,
  log: (message: string) => void,
): Promise<Buffer> {
  const text = await readTextIfThere(path);
  if (text !== undefined) {
    const key = Buffer.from(text.trim(), 'base64url');
    if (key.length === KEY_BYTES && (await isPrivate(path))) {
      return key;
    }
    log(
      `${path} is not a key that only its owner could read; it is made anew, and every secret gets another version`,
    );
  }
  const key = randomBytes(KEY_BYTES);
  await writeAtomically(path, key.toString('base64url'), 0o600);
  return key;
}

async function isPrivate(path: string): Promise<boolean> {
  const { mode } = await stat(path);
  // eslint-disable-next-line no-bitwise
  return process.platform === 'win32' || (mode & 0o077) === 0;
}

/**
 * The version of each secret that the variables use: of the keys that are used
 * of it, as they are now. A secret that has none of them is not there, and has
 * no version.
 */
export function secretVersions(
  versionKey: Buffer,
  environment: string,
  entries: EnvEntry[],
  secrets: Secrets,
): Record<string, string> {
  const used = new Map<string, Map<string, string>>();
  for (const { secret } of entries) {
    const value = secret && secretValue(secrets, secret);
    if (secret && value !== undefined) {
      const values = used.get(secret.name) ?? new Map<string, string>();
      used.set(secret.name, values.set(secret.key, value));
    }
  }
  return Object.fromEntries(
    [...used].map(([name, values]) => [
      name,
      createHmac('sha256', versionKey)
        .update(
          JSON.stringify([
            environment,
            name,
            [...values].sort(([a], [b]) => (a < b ? -1 : 1)),
          ]),
        )
        .digest('hex')
        .slice(0, VERSION_LENGTH),
    ]),
  );
}
