import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { Dialect } from './dialect';
import { PgConnection, openPgConnection } from './pgConnection';

export const FEED_CHANNEL = 'slipway_delivery_feed';

const POLL_MS = { postgres: 1000, sqlite: 5000 };
/** How soon to look again for what is committed but not readable in order yet. */
const SOON_MS = 50;
const RECONNECT_MS = 5000;
/** When to tell that a foreign transaction keeps news back. */
const PENDING_LONG_MS = 30_000;

/** Tells when the feed has news, whoever wrote them. */
export interface NewsWatch {
  /** Looks now; cheap to call often. */
  look(): void;
  subscribe(onNews: () => void, signal: AbortSignal): void;
  close(): Promise<void>;
}

/**
 * Three ways to hear of news: our own commits, PostgreSQL's notifications of
 * the others', and polling, which needs neither to work. It runs only while
 * somebody listens.
 */
export function createNewsWatch(options: {
  knex: Knex;
  dialect: Dialect;
  logger: LoggerService;
}): NewsWatch {
  const { knex, dialect, logger } = options;
  const subscribers = new Set<() => void>();
  let lastHead: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let lookAgain = false;
  let closed = false;
  let listener: PgConnection | undefined;
  let connecting: Promise<void> | undefined;
  let retryListenAtMs = 0;
  let pendingSinceMs: number | undefined;
  let warnedAtMs = 0;

  async function readHead(): Promise<{ head: string; pending: boolean }> {
    if (dialect.kind === 'sqlite') {
      const row: { seq: number } | undefined = await knex('sqlite_sequence')
        .where({ name: 'feed' })
        .first('seq');
      return { head: String(row?.seq ?? 0), pending: false };
    }
    const { rows } = await knex.raw(
      `select
         (select xid::text || '.' || seq from feed
          where xid < pg_snapshot_xmin(pg_current_snapshot())
          order by feed.xid desc, seq desc limit 1) as head,
         exists (select 1 from feed
          where xid >= pg_snapshot_xmin(pg_current_snapshot())) as pending`,
    );
    return { head: rows[0].head ?? '', pending: rows[0].pending };
  }

  function schedule(delayMs: number) {
    clearTimeout(timer);
    if (!closed && subscribers.size > 0) {
      timer = setTimeout(look, delayMs);
      timer.unref();
    }
  }

  async function lookOnce(): Promise<void> {
    let delayMs = POLL_MS[dialect.kind];
    try {
      const { head, pending } = await readHead();
      if (head !== lastHead) {
        lastHead = head;
        for (const onNews of [...subscribers]) {
          onNews();
        }
      }
      if (pending) {
        // Not for ever at this pace: anybody's long transaction on this
        // server keeps entries back.
        const age = notePending();
        delayMs = Math.min(Math.max(SOON_MS, age / 10), delayMs);
      } else {
        pendingSinceMs = undefined;
      }
    } catch (error) {
      if (!closed) {
        logger.warn(`The change feed cannot be read; trying again: ${error}`);
      }
    }
    schedule(delayMs);
  }

  function notePending(): number {
    const nowMs = Date.now();
    pendingSinceMs ??= nowMs;
    const age = nowMs - pendingSinceMs;
    if (age > PENDING_LONG_MS && nowMs - warnedAtMs > PENDING_LONG_MS) {
      warnedAtMs = nowMs;
      logger.warn(
        `Changes wait for ${Math.round(
          age / 1000,
        )} s to be shown: a long transaction on this PostgreSQL server began before them; look for it in pg_stat_activity (backend_xid)`,
      );
    }
    return age;
  }

  function look() {
    if (closed || subscribers.size === 0) {
      return;
    }
    if (looking) {
      lookAgain = true;
      return;
    }
    listen();
    looking = lookOnce().finally(() => {
      looking = undefined;
      if (lookAgain) {
        lookAgain = false;
        look();
      }
    });
  }

  function listen() {
    if (
      dialect.kind !== 'postgres' ||
      listener ||
      connecting ||
      Date.now() < retryListenAtMs
    ) {
      return;
    }
    connecting = connect()
      .catch(error => {
        logger.warn(
          `Cannot listen for changes on PostgreSQL; polling until it works: ${error}`,
        );
        retryListenAtMs = Date.now() + RECONNECT_MS;
      })
      .finally(() => {
        connecting = undefined;
      });
  }

  async function connect(): Promise<void> {
    const connection = await openPgConnection(knex);
    const lost = () => {
      if (listener === connection) {
        listener = undefined;
        retryListenAtMs = Date.now() + RECONNECT_MS;
      }
    };
    connection.on('end', lost);
    connection.on('error', error => {
      logger.warn(`The connection that listens for changes broke: ${error}`);
      lost();
    });
    connection.on('notification', look);
    await connection.query(`listen ${FEED_CHANNEL}`);
    if (closed) {
      await connection.end();
      return;
    }
    listener = connection;
  }

  return {
    look,

    subscribe(onNews, signal) {
      if (signal.aborted) {
        return;
      }
      // Wrapped, so that the same function may subscribe twice.
      const subscriber = () => onNews();
      subscribers.add(subscriber);
      signal.addEventListener(
        'abort',
        () => {
          subscribers.delete(subscriber);
          if (subscribers.size === 0) {
            clearTimeout(timer);
          }
        },
        { once: true },
      );
      look();
    },

    async close() {
      closed = true;
      clearTimeout(timer);
      subscribers.clear();
      await connecting;
      await looking;
      await listener?.end();
      listener = undefined;
    },
  };
}
