import { StoreContext } from './context';
import { FEED_CHANNEL } from './feedNews';
import { jsonParameter, jsonRows } from './jsonRows';
import { toNumber } from './rows';
import { FeedEntry, FeedStore, StoreTx } from './types';

/*
 * The change feed: hints that something changed, written in the transaction
 * of the change.
 *
 * On PostgreSQL sequence numbers are taken in one order and become visible in
 * another, so a reader that only remembers "the last number" skips what commits
 * late. Therefore entries are ordered by (xid, seq) and read strictly below the
 * oldest transaction that still runs: everything there is final, and nothing
 * can appear behind the reader any more.
 * See pg_current_snapshot() and pg_snapshot_xmin() in PostgreSQL's manual,
 * "Transaction ID and snapshot information functions".
 *
 * On SQLite writers take turns, so `seq` alone is the order, and `xid` is 0.
 */

interface DbEntry {
  xid: string;
  seq: number | string;
  kind: FeedEntry['kind'];
  subject: string;
  service_ref: string;
  version: number | string;
}

interface Position {
  xid: bigint;
  seq: bigint;
}

export function createFeedStore(context: StoreContext): FeedStore {
  const { db, dialect } = context;
  const postgres = dialect.kind === 'postgres';

  /** Everything at or before it is visible or never will be. */
  async function now(): Promise<Position> {
    if (postgres) {
      const { rows } = await db().raw(
        `select pg_snapshot_xmin(pg_current_snapshot())::text as xid`,
      );
      // Sequence numbers start at 1: (xmin, 0) is before all of xmin's.
      return { xid: BigInt(rows[0].xid), seq: 0n };
    }
    const row: { seq: number } | undefined = await db()('sqlite_sequence')
      .where({ name: 'feed' })
      .first('seq');
    return { xid: 0n, seq: BigInt(row?.seq ?? 0) };
  }

  async function trimmed(): Promise<Position> {
    const row: { xid: string; seq: number | string } | undefined = await db()(
      'feed_trim',
    ).first('xid', 'seq');
    return row
      ? { xid: BigInt(row.xid), seq: BigInt(row.seq) }
      : { xid: 0n, seq: 0n };
  }

  /** The database was restored from a backup, or it is another one. */
  async function isAhead(position: Position): Promise<boolean> {
    if (!postgres) {
      return isBefore(await now(), position);
    }
    const { rows } = await db().raw(
      `select pg_snapshot_xmax(pg_current_snapshot())::text as xid`,
    );
    return position.xid > BigInt(rows[0].xid);
  }

  async function startOver() {
    return { entries: [], cursor: stringify(await now()), reset: true };
  }

  return {
    async add(entries, tx) {
      await addFeed(context, entries, tx);
    },

    async read(after, limit) {
      if (after === undefined) {
        return { entries: [], cursor: stringify(await now()), reset: false };
      }
      const position = parse(after);
      if (!position || (await isAhead(position))) {
        return startOver();
      }
      const rows: DbEntry[] = postgres
        ? (
            await db().raw(
              `select xid::text as xid, seq, kind, subject, service_ref, version
               from feed
               where (xid, seq) > (?::xid8, ?::bigint)
                 and xid < pg_snapshot_xmin(pg_current_snapshot())
               order by feed.xid, seq
               limit ?`,
              [String(position.xid), String(position.seq), limit],
            )
          ).rows
        : await db()('feed')
            .where('seq', '>', Number(position.seq))
            .orderBy('seq')
            .limit(limit)
            .select('xid', 'seq', 'kind', 'subject', 'service_ref', 'version');
      // Asked after the entries were read: had they been deleted before, the
      // mark would say so.
      if (isBefore(position, await trimmed())) {
        return startOver();
      }
      const entries = rows.map(fromDb);
      return {
        entries,
        cursor: entries[entries.length - 1]?.cursor ?? after,
        reset: false,
      };
    },

    async lagMs() {
      if (!postgres) {
        // Writers take turns: what is committed can be read.
        return 0;
      }
      const { rows } = await db().raw(
        `select ${dialect.nowSql()} - min(at_ms) as age from feed
         where xid >= pg_snapshot_xmin(pg_current_snapshot())`,
      );
      return Math.max(0, toNumber(rows[0].age ?? 0));
    },

    subscribe(onNews, signal) {
      context.news.subscribe(onNews, signal);
    },
  };
}

const FEED_ROWS = {
  kind: 'text',
  subject: 'text',
  service_ref: 'text',
  version: 'bigint',
} as const;

/** Writes hints in the transaction of the change they tell of. */
export async function addFeed(
  context: StoreContext,
  entries: Array<Omit<FeedEntry, 'cursor'>>,
  tx: StoreTx,
): Promise<void> {
  if (entries.length === 0) {
    return;
  }
  const { dialect } = context;
  // Delivered at commit, once for the same text, and never after a rollback.
  const telling =
    dialect.kind === 'postgres'
      ? `returning 1)
         select pg_notify('${FEED_CHANNEL}', '') where exists (select 1 from told)`
      : '';
  await tx.raw(
    `${
      telling && 'with told as ('
    }insert into feed (kind, subject, service_ref, version, at_ms)
     select kind, subject, service_ref, version, ${dialect.nowSql()}
     from ${jsonRows(dialect, FEED_ROWS)} ${telling}`,
    [
      jsonParameter(
        entries.map(entry => ({
          kind: entry.kind,
          subject: entry.subject,
          service_ref: entry.service,
          version: entry.version,
        })),
      ),
    ],
  );
  context.afterCommit(tx, context.news.look);
}

function fromDb(row: DbEntry): FeedEntry {
  return {
    cursor: stringify({ xid: BigInt(row.xid), seq: BigInt(row.seq) }),
    kind: row.kind,
    subject: row.subject,
    service: row.service_ref,
    version: toNumber(row.version),
  };
}

function stringify({ xid, seq }: Position): string {
  return `${xid}.${seq}`;
}

/** `undefined` for text that is no position: its sender starts over. */
function parse(cursor: string): Position | undefined {
  const match = /^(\d{1,19})\.(\d{1,18})$/.exec(cursor);
  return match ? { xid: BigInt(match[1]), seq: BigInt(match[2]) } : undefined;
}

function isBefore(a: Position, b: Position): boolean {
  return a.xid < b.xid || (a.xid === b.xid && a.seq < b.seq);
}
