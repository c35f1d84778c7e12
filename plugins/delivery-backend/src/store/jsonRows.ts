import { Dialect } from './dialect';

type Column = 'text' | 'bigint';

/**
 * A table `v` made of one parameter, the JSON text of a list of objects: the
 * statement is the same however many rows there are, so that it is prepared
 * once, and it takes one parameter. See {@link jsonParameter}.
 */
export function jsonRows(
  dialect: Dialect,
  columns: Record<string, Column>,
): string {
  const names = Object.keys(columns);
  if (dialect.kind === 'postgres') {
    const types = names.map(name => `${name} ${columns[name]}`);
    return `json_to_recordset(?::json) as v(${types.join(', ')})`;
  }
  const values = names.map(name => `value->>'${name}' as ${name}`);
  return `(select ${values.join(', ')} from json_each(?)) as v`;
}

/** What JSON text says of a character that PostgreSQL has no text for. */
const NO_TEXT = /\\(?:\\|u0000|u[dD][89a-fA-F][0-9a-fA-F]{2})/g;

/**
 * The parameter of {@link jsonRows}. A NUL character or half a surrogate pair
 * (what a program wrote to its log may hold both) becomes U+FFFD; PostgreSQL
 * would refuse the whole statement.
 */
export function jsonParameter(rows: object[]): string {
  return JSON.stringify(rows).replace(NO_TEXT, found =>
    found === '\\\\' ? found : '\\ufffd',
  );
}

/**
 * That a column is one of the ids of {@link idsParameter}. Beside a join with
 * `v`, of which PostgreSQL believes that it has a hundred rows: it knows how
 * long a list of ids is, and so takes the index.
 */
export function isAmong(dialect: Dialect, column: string): string {
  return dialect.kind === 'postgres'
    ? `${column} = any(?)`
    : `${column} in (select value from json_each(?))`;
}

/** The parameter of {@link isAmong}. */
export function idsParameter(
  dialect: Dialect,
  ids: string[],
): string | string[] {
  return dialect.kind === 'postgres' ? ids : JSON.stringify(ids);
}
