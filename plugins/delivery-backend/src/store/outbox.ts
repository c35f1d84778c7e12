import { StoreContext } from './context';
import { jsonParameter, jsonRows } from './jsonRows';
import { optionalNumber, toNumber } from './rows';
import { OutboxStore } from './types';

interface ClaimedItem {
  key: string;
  type: string;
  payload: string;
  attempts: number | string;
  created_at_ms: number | string;
}

const NEWS_ROWS = { key: 'text', type: 'text', payload: 'text' } as const;

/**
 * Effects that happen once, written with the change that causes them. What is
 * done stays for a while, so that the same key is not done again.
 */
export function createOutboxStore(context: StoreContext): OutboxStore {
  const { db, dialect } = context;

  return {
    async add(items, tx) {
      if (items.length === 0) {
        return;
      }
      const now = dialect.nowSql();
      await tx.raw(
        `insert into outbox
           (key, type, payload, created_at_ms, due_at_ms, attempts)
         select key, type, payload, ${now}, ${now}, 0
         from ${jsonRows(dialect, NEWS_ROWS)} where true
         on conflict (key) do nothing`,
        [
          jsonParameter(
            items.map(item => ({
              key: item.key,
              type: item.type,
              payload: JSON.stringify(item.payload ?? null),
            })),
          ),
        ],
      );
    },

    async claim(owner, limit, leaseMs) {
      const now = dialect.nowSql();
      const skip = dialect.kind === 'postgres' ? 'for update skip locked' : '';
      // A claimed item is due again when the lease ends: a lost worker's
      // effects are tried by another.
      const result = await context.standAlone(undefined, own =>
        own.raw(
          `with due as materialized (
           select key from outbox where due_at_ms <= ${now}
           order by due_at_ms limit ? ${skip}
         )
         update outbox set
           attempts = outbox.attempts + 1,
           claimed_by = ?,
           due_at_ms = ${now} + ?
         from due where outbox.key = due.key
         returning outbox.key, outbox.type, outbox.payload, outbox.attempts,
           outbox.created_at_ms`,
          [limit, owner, leaseMs],
        ),
      );
      const rows: ClaimedItem[] =
        dialect.kind === 'postgres' ? result.rows : result;
      return rows
        .sort((a, b) => toNumber(a.created_at_ms) - toNumber(b.created_at_ms))
        .map(row => ({
          key: row.key,
          type: row.type,
          payload: JSON.parse(row.payload),
          attempts: toNumber(row.attempts),
        }));
    },

    async done(key) {
      await context.standAlone(undefined, own =>
        own('outbox')
          .where({ key })
          .update({ done_at_ms: own.raw(dialect.nowSql()), due_at_ms: null }),
      );
    },

    async stats() {
      const row: { waiting: number | string; age: number | string | null } =
        await db()('outbox')
          .whereNotNull('due_at_ms')
          .first({
            waiting: db().raw('count(*)'),
            age: db().raw(`${dialect.nowSql()} - min(created_at_ms)`),
          });
      return {
        waiting: toNumber(row.waiting),
        oldestAgeMs: optionalNumber(row.age),
      };
    },

    async retry(key, atMs, error) {
      await db()('outbox')
        .where({ key })
        .whereNull('done_at_ms')
        .update({ due_at_ms: Math.floor(atMs), last_error: error });
    },
  };
}
