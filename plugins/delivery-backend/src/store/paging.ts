import { InputError } from '@backstage/errors';
import { Knex } from 'knex';
import { Page } from '@slipway/backstage-plugin-delivery-common';
import { PageOptions } from './types';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

/** What a list is ordered by: unique together, and all in one direction. */
export interface Keyset {
  /** Part of the cursor, so that one list's cursor is refused by another. */
  list: string;
  columns: Array<{ name: string; type: 'number' | 'string' }>;
  direction: 'asc' | 'desc';
}

type KeyValue = string | number;

function encodeCursor(keyset: Keyset, values: KeyValue[]): string {
  return Buffer.from(JSON.stringify([keyset.list, ...values])).toString(
    'base64url',
  );
}

function decodeCursor(keyset: Keyset, cursor: string): KeyValue[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch (error) {
    throw invalidCursor(keyset, cursor, error);
  }
  if (!Array.isArray(parsed) || parsed.length !== keyset.columns.length + 1) {
    throw invalidCursor(keyset, cursor);
  }
  const [list, ...values] = parsed;
  const matches = keyset.columns.every(({ type }, index) =>
    type === 'number'
      ? Number.isSafeInteger(values[index])
      : // PostgreSQL has no NUL in text.
        typeof values[index] === 'string' && !values[index].includes('\0'),
  );
  if (list !== keyset.list || !matches) {
    throw invalidCursor(keyset, cursor);
  }
  return values;
}

function invalidCursor(keyset: Keyset, cursor: string, cause?: unknown) {
  return new InputError(
    `Invalid cursor "${cursor.slice(
      0,
      100,
    )}": expected the nextCursor of an earlier page of ${
      keyset.list
    }; leave it out to start at the first page`,
    cause,
  );
}

/**
 * Reads one page of `query`, which selects from one table and may have
 * conditions already. One row more than asked for tells whether more follow,
 * so that no page is a dead end and nothing is counted.
 */
export async function readPage<Row, Item>(
  query: Knex.QueryBuilder,
  keyset: Keyset,
  options: PageOptions,
  toItem: (row: Row) => Item,
): Promise<Page<Item>> {
  const limit = options.limit ?? DEFAULT_LIMIT;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new InputError(
      `Invalid limit ${limit}: expected a whole number from 1 to ${MAX_LIMIT}`,
    );
  }

  const names = keyset.columns.map(column => column.name);
  if (options.cursor !== undefined) {
    const values = decodeCursor(keyset, options.cursor);
    const columns = names.map(() => '??').join(', ');
    const marks = values.map(() => '?').join(', ');
    query.whereRaw(
      `(${columns}) ${keyset.direction === 'asc' ? '>' : '<'} (${marks})`,
      [...names, ...values],
    );
  }
  if (options.filter) {
    const { filter } = options;
    // In brackets: an OR inside must not undo the conditions outside.
    query.andWhere(inner => filter(inner));
  }
  for (const name of names) {
    query.orderBy(name, keyset.direction);
  }

  const rows: Array<Row & Record<string, KeyValue>> = await query.limit(
    limit + 1,
  );
  const shown = rows.slice(0, limit);
  const last = shown[shown.length - 1];
  return {
    items: shown.map(toItem),
    ...(rows.length > limit && {
      nextCursor: encodeCursor(
        keyset,
        keyset.columns.map(({ name, type }) =>
          type === 'number' ? Number(last[name]) : last[name],
        ),
      ),
    }),
  };
}
