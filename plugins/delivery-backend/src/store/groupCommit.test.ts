import { TestDatabases } from '@backstage/backend-test-utils';
import { createGroupCommit } from './groupCommit';
import { LeaseLostError } from './types';

jest.setTimeout(120_000);

const databases = TestDatabases.create({ ids: ['SQLITE_3'] });

async function open() {
  const knex = await databases.init('SQLITE_3');
  await knex.schema.createTable('notes', table => {
    table.text('text').primary();
  });
  let commits = 0;
  knex.on('query', ({ sql }) => {
    commits += /^commit/i.test(sql) ? 1 : 0;
  });
  const group = createGroupCommit(knex);
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
});
