import { TestDatabases } from '@backstage/backend-test-utils';
import knexFactory, { Knex } from 'knex';
import { SHOP, STAGING_ID, addShop } from './__fixtures__/rows';
import { createTestStore } from './createStore';
import { DeliveryStore, FeedEntry } from './types';

jest.setTimeout(120_000);

const databases = TestDatabases.create();

function hint(subject: string): Omit<FeedEntry, 'cursor'> {
  return { kind: 'deployment', subject, service: SHOP, version: 1 };
}

/**
 * Reads like a browser's stream does: on and on, from cursor to cursor. On
 * PostgreSQL transactions of other databases of the server may keep entries
 * back for a while, so whoever expects something waits for it.
 */
function createReader(store: DeliveryStore, start: string) {
  let cursor = start;
  const seen: string[] = [];
  return {
    seen,
    get cursor() {
      return cursor;
    },
    async read(limit = 100) {
      const answer = await store.feed.read(cursor, limit);
      expect(answer.reset).toBe(false);
      cursor = answer.cursor;
      seen.push(...answer.entries.map(entry => entry.subject));
    },
    async readUntil(count: number, limit = 100) {
      const deadline = Date.now() + 30_000;
      while (seen.length < count && Date.now() < deadline) {
        await this.read(limit);
        await new Promise(resolve => setTimeout(resolve, 20));
      }
    },
  };
}

async function nowOf(store: DeliveryStore): Promise<string> {
  const { cursor, entries, reset } = await store.feed.read(undefined, 10);
  expect(entries).toEqual([]);
  expect(reset).toBe(false);
  return cursor;
}

describe.each(databases.eachSupportedId())(
  'the change feed on %s',
  databaseId => {
    it('tells each committed change once, in order, and nothing that was rolled back', async () => {
      const store = await createTestStore(await databases.init(databaseId));
      const reader = createReader(store, await nowOf(store));
      for (const subject of ['a', 'b', 'c']) {
        await store.transaction(tx => store.feed.add([hint(subject)], tx));
      }
      await expect(
        store.transaction(async tx => {
          await store.feed.add([hint('undone')], tx);
          throw new Error('changed my mind');
        }),
      ).rejects.toThrow('changed my mind');
      await store.transaction(tx => store.feed.add([hint('d'), hint('e')], tx));

      await reader.readUntil(2, 2);
      expect(reader.seen).toEqual(['a', 'b']);
      await reader.readUntil(5);
      await reader.read();
      expect(reader.seen).toEqual(['a', 'b', 'c', 'd', 'e']);
    });

    it('says so when a cursor is older than what is kept, or not one of its own', async () => {
      let nowMs = 1_000_000;
      const knex = await databases.init(databaseId);
      const store = await createTestStore(knex, { clock: () => nowMs });
      const old = await nowOf(store);
      await store.transaction(tx => store.feed.add([hint('a')], tx));
      const before = createReader(store, old);
      await before.readUntil(1);
      const middle = before.cursor;
      const day = 24 * 60 * 60 * 1000;
      nowMs += 2 * day;
      const options = { keepPerTarget: 20, keepDays: 14, nowMs };
      await store.cleanup(options);

      const { cursor, ...answer } = await store.feed.read(old, 10);
      expect(answer).toEqual({ entries: [], reset: true });
      await store.transaction(tx => store.feed.add([hint('b')], tx));
      const reader = createReader(store, cursor);
      await reader.readUntil(1);
      expect(reader.seen).toEqual(['b']);
      // Nothing was deleted after this one.
      await before.readUntil(2);
      expect(before.seen).toEqual(['a', 'b']);
      await expect(store.feed.read(middle, 10)).resolves.toMatchObject({
        reset: false,
      });

      for (const foreign of [
        '',
        'x',
        '1.2.3',
        '-1.5',
        '0.999999',
        '999999999.0',
      ]) {
        await expect(store.feed.read(foreign, 10)).resolves.toMatchObject({
          entries: [],
          reset: true,
        });
      }
    });

    it('calls its subscribers after a change, until they leave', async () => {
      const store = await createTestStore(await databases.init(databaseId));
      await addShop(store);
      const reader = createReader(store, await nowOf(store));
      const leave = new AbortController();
      let reading = Promise.resolve();
      store.feed.subscribe(() => {
        reading = reading.then(() => reader.read());
      }, leave.signal);

      await store.targets.setHold(
        { service: SHOP, environment: 'staging' },
        undefined,
      );
      const deadline = Date.now() + 30_000;
      while (!reader.seen.includes(STAGING_ID) && Date.now() < deadline) {
        await new Promise(resolve => setTimeout(resolve, 10));
      }
      expect(reader.seen).toContain(STAGING_ID);
      leave.abort();
      await reading;
      await store.close();
    });
  },
);

const postgres = databases
  .eachSupportedId()
  .filter(([id]) => id.startsWith('POSTGRES'));

if (postgres.length === 0) {
  console.warn(
    'Skipped: the change feed between several backends, as no PostgreSQL is configured (see scripts/testing/postgres.sh)',
  );
}

(postgres.length > 0 ? describe : describe.skip)(
  'the change feed of several backends on PostgreSQL',
  () => {
    async function openTwo() {
      const knex = await databases.init(postgres[0][0]);
      const other: Knex = knexFactory(knex.client.config);
      return {
        knex,
        other,
        one: await createTestStore(knex),
        two: await createTestStore(other),
      };
    }

    it('loses nothing when two transactions commit in another order than they began', async () => {
      const { knex, other, one, two } = await openTwo();
      try {
        const reader = createReader(one, await nowOf(one));

        // `early` takes the lower number, `late` is visible first.
        const early = await knex.transaction();
        await one.feed.add([hint('early')], early);
        const late = await other.transaction();
        await two.feed.add([hint('late')], late);
        await late.commit();

        // Were the cursor to move on to `late` now, `early` would be lost.
        await reader.read();
        expect(reader.seen).toEqual([]);
        await early.commit();
        await reader.readUntil(2);
        expect(reader.seen).toEqual(['early', 'late']);

        // The same where the sequence says the opposite of the transactions:
        // a transaction gets its id with its first write.
        const first = await knex.transaction();
        await first.raw('select pg_current_xact_id()');
        const second = await other.transaction();
        await two.feed.add([hint('second')], second);
        await one.feed.add([hint('first')], first);
        await first.commit();
        await reader.readUntil(3);
        await second.commit();
        await reader.readUntil(4);
        expect(reader.seen).toEqual(['early', 'late', 'first', 'second']);
      } finally {
        await other.destroy();
      }
    });

    it('loses nothing and repeats nothing under many writers at once', async () => {
      const { other, one, two } = await openTwo();
      try {
        const reader = createReader(one, await nowOf(one));
        let writing = true;
        const reads = (async () => {
          while (writing) {
            await reader.read(7);
          }
        })();
        const total = 200;
        await Promise.all(
          Array.from({ length: total }, (_, i) => {
            const store = i % 2 ? one : two;
            return store.transaction(async tx => {
              await store.feed.add([hint(`${i}-a`)], tx);
              // Lets others overtake.
              await tx.raw('select pg_sleep(?)', [(i % 5) / 200]);
              await store.feed.add([hint(`${i}-b`)], tx);
            });
          }),
        );
        writing = false;
        await reads;
        await reader.readUntil(2 * total);
        expect(reader.seen).toHaveLength(2 * total);
        expect(new Set(reader.seen).size).toBe(2 * total);
      } finally {
        await other.destroy();
      }
    });

    it('serves again after every connection was cut, and undoes what was half done', async () => {
      const { knex, other, one } = await openTwo();
      try {
        await addShop(one);
        const cut = one.transaction(async tx => {
          await one.feed.add([hint('half')], tx);
          await one.work.poke('target', STAGING_ID, {}, tx);
          await other.raw(
            `select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()`,
          );
          await one.feed.add([hint('other half')], tx);
        });
        await expect(cut).rejects.toThrow();
        await until(async () => {
          try {
            return (await one.targets.list({})).items.length === 2;
          } catch (error) {
            if (!/terminat|connection/i.test(String(error))) {
              throw error;
            }
            return false;
          }
        });
        await expect(
          one.work.claim({ owner: 'one', limit: 10, leaseMs: 1_000 }),
        ).resolves.toEqual([]);
        const left: string[] = await knex('feed').pluck('subject');
        expect(left.filter(subject => /half/.test(subject))).toEqual([]);
      } finally {
        await other.destroy();
      }
    });

    it("hears another backend's change through LISTEN, and goes on when that connection is cut", async () => {
      const { knex, other, one, two } = await openTwo();
      const leave = new AbortController();
      try {
        let calls = 0;
        one.feed.subscribe(() => {
          calls += 1;
        }, leave.signal);

        const listeners = async () => {
          const { rows } = await knex.raw(
            `select pid from pg_stat_activity
             where datname = current_database() and query ilike 'listen %'`,
          );
          return rows;
        };
        await until(async () => (await listeners()).length === 1);
        await until(async () => calls > 0);

        const before = calls;
        await two.transaction(tx => two.feed.add([hint('a')], tx));
        await until(async () => calls > before);

        const [{ pid }] = await listeners();
        await knex.raw('select pg_terminate_backend(?)', [pid]);
        const cut = calls;
        await two.transaction(tx => two.feed.add([hint('b')], tx));
        await until(async () => calls > cut);
        await until(async () => {
          const [again] = await listeners();
          return again !== undefined && again.pid !== pid;
        });
        expect(calls).toBeGreaterThan(cut);
      } finally {
        leave.abort();
        await one.close();
        await other.destroy();
      }
    });
  },
);

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      throw new Error('Waited for 30 s in vain');
    }
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}
