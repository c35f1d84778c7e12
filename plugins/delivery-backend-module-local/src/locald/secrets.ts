import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '@backstage/errors';
import { z } from 'zod';
import { fileNameFor, readTextIfThere } from './files';
import { EnvEntry } from './protocol';

/*
 * Values that no Plan and no state file may hold. A person puts them into
 * `<environment>.json`, which only its owner may read; they are looked up
 * where a process starts and are kept nowhere.
 */

const secretsSchema = z.record(z.string(), z.record(z.string(), z.string()));

/** Secret name to key to value. */
export type Secrets = z.infer<typeof secretsSchema>;

/** Errors: `InputError` for a file that others can read or that makes no sense. */
export async function readSecrets(
  directory: string,
  environment: string,
): Promise<Secrets> {
  const path = join(directory, `${fileNameFor(environment)}.json`);
  const text = await readTextIfThere(path);
  if (text === undefined) {
    return {};
  }
  const { mode } = await stat(path);
  // eslint-disable-next-line no-bitwise
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new InputError(
      `The secrets file ${path} can be read by other users of this machine; make it private (chmod 600)`,
    );
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // The parser's message would quote the file.
    throw new InputError(`The secrets file ${path} is not JSON`);
  }
  const { success, data, error } = secretsSchema.safeParse(content);
  if (!success) {
    const [issue] = error.issues;
    throw new InputError(
      `The secrets file ${path} holds something else than {"<secret>": {"<key>": "<text>"}} at ${
        issue.path.map(part => `"${String(part)}"`).join(', ') || 'its top'
      }; write every value as a text in quotes`,
    );
  }
  return data;
}

/** `undefined`: not there. What every object has by itself is no secret. */
export function secretValue(
  secrets: Secrets,
  { name, key }: { name: string; key: string },
): string | undefined {
  const values = Object.hasOwn(secrets, name) ? secrets[name] : {};
  return Object.hasOwn(values, key) ? values[key] : undefined;
}

/** The message for a value that is not there. */
export function missingSecret(
  variable: string,
  secret: { name: string; key: string },
  environment: string,
): string {
  const { name, key } = secret;
  return `The variable ${variable} needs the key "${key}" of secret "${name}", which is not there; put it in secrets/${environment}.json in the data directory of the local environment as {"${name}": {"${key}": "..."}}`;
}

/** Errors: `InputError` for the first one that is needed and missing. */
export function assertSecrets(
  entries: EnvEntry[],
  secrets: Secrets,
  environment: string,
): void {
  for (const { secret, name } of entries) {
    if (
      secret &&
      !secret.optional &&
      secretValue(secrets, secret) === undefined
    ) {
      throw new InputError(missingSecret(name, secret, environment));
    }
  }
}
