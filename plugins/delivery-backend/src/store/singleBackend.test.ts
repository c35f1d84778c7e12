import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import {
  createMockDirectory,
  mockServices,
} from '@backstage/backend-test-utils';
import knexFactory, { Knex } from 'knex';
import { createStore } from './createStore';
import { lockForOneBackend } from './singleBackend';
import { serviceRow } from './__fixtures__/rows';

jest.setTimeout(120_000);

describe('SQLite serves one backend', () => {
  const directory = createMockDirectory();
  const children: ChildProcess[] = [];
  const clients: Knex[] = [];

  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill('SIGKILL');
    }
    for (const opened of clients.splice(0)) {
      await opened.destroy();
    }
  });

  function client(): Knex {
    const knex = knexFactory({
      client: 'better-sqlite3',
      connection: { filename: directory.resolve('delivery.sqlite') },
      useNullAsDefault: true,
    });
    clients.push(knex);
    return knex;
  }

  function open(knex: Knex) {
    return createStore({
      database: mockServices.database({ knex }),
      logger: mockServices.logger.mock(),
    });
  }

  /** A process of its own that has the store open. */
  async function startBackend(): Promise<ChildProcess> {
    const child = spawn(
      process.execPath,
      [
        '--require',
        require.resolve('@backstage/cli/config/nodeTransform.cjs'),
        resolve(__dirname, '__fixtures__/backend.ts'),
        directory.resolve('delivery.sqlite'),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    children.push(child);
    let stderr = '';
    child.stderr.on('data', chunk => {
      stderr += chunk;
    });
    await new Promise<void>((done, fail) => {
      child.stdout.on('data', chunk => {
        if (String(chunk).includes('open')) {
          done();
        }
      });
      child.on('exit', code => {
        fail(new Error(`The backend ended with ${code}: ${stderr}`));
      });
    });
    return child;
  }

  it('refuses a second one with a clear error, and starts at once after a kill -9', async () => {
    const child = await startBackend();
    const knex = client();
    await expect(lockForOneBackend(knex, 600)).rejects.toThrow(
      /delivery\.sqlite is used by another backend.*stop the other one, or use PostgreSQL/,
    );

    child.removeAllListeners('exit');
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    const lock = await lockForOneBackend(knex, 0);
    await lock.release();

    const store = await open(knex);
    await store.services.upsertMany([serviceRow()]);
    await expect(store.services.list({})).resolves.toMatchObject({
      items: [serviceRow()],
    });
    await store.close();
  });

  it('refuses a second one in the same process, until the first is closed', async () => {
    const first = await open(client());
    const second = client();
    await expect(lockForOneBackend(second, 0)).rejects.toThrow(
      /used by another backend/,
    );
    await first.close();
    const store = await open(second);
    // A commit does not wait for the disk; the store does, beside it.
    await expect(second.raw('pragma synchronous')).resolves.toEqual([
      { synchronous: 1 },
    ]);
    await expect(second.raw('pragma journal_mode')).resolves.toEqual([
      { journal_mode: 'wal' },
    ]);
    await store.close();
  });

  it('waits for one that is just ending', async () => {
    const first = await open(client());
    const opening = open(client());
    await first.close();
    const second = await opening;
    await expect(second.services.list({})).resolves.toBeDefined();
    await second.close();
  });

  it('locks nothing in memory', async () => {
    const memory = () => {
      const knex = knexFactory({
        client: 'better-sqlite3',
        connection: { filename: ':memory:' },
        useNullAsDefault: true,
      });
      clients.push(knex);
      return knex;
    };
    const stores = await Promise.all([open(memory()), open(memory())]);
    for (const store of stores) {
      await expect(store.services.list({})).resolves.toEqual({ items: [] });
      await store.close();
    }
  });
});
