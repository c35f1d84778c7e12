import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LoggerService } from '@backstage/backend-plugin-api';
import { Workspace } from '@slipway/backstage-plugin-delivery-node';
import { startRegistry, StartedRegistry } from '../registry';

const silentLogger: LoggerService = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  child: () => silentLogger,
};

/** A registry on a free port of this machine. */
export async function testRegistry(
  directory: string,
): Promise<StartedRegistry> {
  return startRegistry({ directory, logger: silentLogger });
}

/** A fetched commit with these files. */
export async function testWorkspace(
  root: string,
  files: Record<string, string | Buffer>,
): Promise<Workspace> {
  for (const [path, content] of Object.entries(files)) {
    const target = join(root, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
  }
  return {
    root,
    commit: {
      sha: '1'.repeat(40),
      message: 'Test',
      author: 'Test',
      committedAtMs: 1_700_000_000_000,
    },
  };
}

/** Collects the lines of a stage. */
export function logText(): { log: (line: string) => void; text: () => string } {
  const lines: string[] = [];
  return { log: line => lines.push(line), text: () => lines.join('\n') };
}
