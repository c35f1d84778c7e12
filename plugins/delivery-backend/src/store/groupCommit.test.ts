import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import knexFactory from 'knex';
import { TestDatabases } from '@backstage/backend-test-utils';
import { createGroupCommit } from './groupCommit';
import { LeaseLostError } from './types';
import { createWalSync } from './walSync';

jest.setTimeout(120_000);

const databases = TestDatabases.create({ ids: ['SQLITE_3'] });

async function open(synced?: () => Promise<void>) {
  const knex = await databases.init('SQLITE_3');
  await knex.schema.createTable('notes', table => {
    table.text('text').primary();
  });
  let commits = 0;
  knex.on('query', ({ sql }) => {
    commits += /^commit/i.test(sql) ? 1 : 0;
  });
  const group = createGroupCommit(knex, synced);
  return {
    knex,
    group,
    commits: () => commits,
    write: (text: string, error?: Error) =>
      group.transaction(async tx => {
        await tx('notes').insert({ text });
        if (error) {
          throw error;
        }
        return text;
      }),
    notes: async () => await knex('notes').orderBy('text').pluck('text'),
  };
}

async function pollUntil(isSo: () => boolean) {
  const end = Date.now() + 60_000;
  while (!isSo()) {
    if (Date.now() > end) {
      throw new Error('Not so after 60 s');
    }
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

describe('writes that wait together', () => {
  it('share a commit, and each gets its own answer', async () => {
    const { write, notes, commits } = await open();
    await expect(
      Promise.all(['a', 'b', 'c', 'd'].map(text => write(text))),
    ).resolves.toEqual(['a', 'b', 'c', 'd']);
    expect(commits()).toBe(1);
    await expect(notes()).resolves.toEqual(['a', 'b', 'c', 'd']);
  });

  it('are undone one by one when they fail', async () => {
    const { write, notes, group } = await open();
    await write('taken');
    const results = await Promise.allSettled([
      write('a'),
      write('b', new Error('no')),
      write('taken'),
      group.statement(async () => {
        throw new LeaseLostError('lost');
      }),
      write('c'),
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    expect(results[1]).toMatchObject({ reason: new Error('no') });
    await expect(notes()).resolves.toEqual(['a', 'c', 'taken']);
  });

  it('are undone together when the database fails, and all are told', async () => {
    const { write, notes } = await open();
    const full = Object.assign(new Error('disk full'), { code: 'SQLITE_FULL' });
    const results = await Promise.allSettled([
      write('a'),
      write('b', full),
      write('c'),
    ]);
    expect(results).toEqual(
      results.map(() => ({ status: 'rejected', reason: full })),
    );
    await expect(notes()).resolves.toEqual([]);
    await expect(write('d')).resolves.toBe('d');
    await expect(notes()).resolves.toEqual(['d']);
  });

  it('are told of only once they lie on the disk, and the next ones do not wait for it', async () => {
    const disk: Array<{ done: () => void; fail: (error: Error) => void }> = [];
    const { write, notes } = await open(
      () =>
        new Promise((resolve, reject) => {
          disk.push({ done: resolve, fail: reject });
        }),
    );
    const told: string[] = [];
    const first = write('a').then(text => told.push(text));
    await pollUntil(() => disk.length === 1);
    const second = write('b').then(text => told.push(text));
    await pollUntil(() => disk.length === 2);
    await expect(notes()).resolves.toEqual(['a', 'b']);
    expect(told).toEqual([]);
    disk[1].done();
    await second;
    expect(told).toEqual(['b']);
    disk[0].fail(new Error('the disk is gone'));
    await expect(first).rejects.toThrow('the disk is gone');
  });

  it('wait for the log of a real database, and fail when it is not there', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'slipway-wal-'));
    const file = join(directory, 'real.sqlite');
    const knex = knexFactory({
      client: 'better-sqlite3',
      connection: { filename: file },
      useNullAsDefault: true,
    });
    try {
      const synced = createWalSync(file);
      await expect(synced()).rejects.toThrow(/ENOENT/);
      await knex.raw('pragma journal_mode = wal');
      await knex.schema.createTable('notes', table => {
        table.text('text').primary();
      });
      const group = createGroupCommit(knex, synced);
      await Promise.all(
        ['a', 'b', 'c'].map(text =>
          group.transaction(async tx => await tx('notes').insert({ text })),
        ),
      );
      await expect(knex('notes').pluck('text')).resolves.toHaveLength(3);
    } finally {
      await knex.destroy();
      await rm(directory, { recursive: true });
    }
  });
});
