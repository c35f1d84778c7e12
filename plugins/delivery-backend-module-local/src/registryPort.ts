import { createServer } from 'node:net';
import { join } from 'node:path';
import { readTextIfThere, writeAtomically } from './locald';

const FIRST_CHOICE = 7878;

async function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/**
 * The embedded registry's port: image references name it, so it is chosen
 * once and kept in the data directory. `undefined`: any free one.
 */
export async function keptRegistryPort(
  dataDirectory: string,
): Promise<number | undefined> {
  const kept = Number(await readTextIfThere(pathOf(dataDirectory)));
  if (Number.isInteger(kept) && kept > 0) {
    return kept;
  }
  return (await isFree(FIRST_CHOICE)) ? FIRST_CHOICE : undefined;
}

export async function keepRegistryPort(
  dataDirectory: string,
  port: number,
): Promise<void> {
  await writeAtomically(pathOf(dataDirectory), `${port}\n`);
}

function pathOf(dataDirectory: string): string {
  return join(dataDirectory, 'registry-port');
}
