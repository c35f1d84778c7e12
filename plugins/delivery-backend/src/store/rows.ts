/** A nullable column to an optional field. */
export function optional<T>(value: T | null | undefined): T | undefined {
  return value ?? undefined;
}

/** An optional field to a nullable column; knex skips `undefined` in updates. */
export function nullable<T>(value: T | undefined): T | null {
  return value ?? null;
}

/** PostgreSQL gives 64-bit integers as text; ours are all below 2^53. */
export function toNumber(value: number | string): number {
  return Number(value);
}

export function optionalNumber(
  value: number | string | null | undefined,
): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}

export function optionalJson<T>(value: string | null): T | undefined {
  return value === null ? undefined : JSON.parse(value);
}

export function nullableJson(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** Statements have a bounded number of parameters (SQLite: 32766). */
export function chunks<T>(items: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let start = 0; start < items.length; start += size) {
    result.push(items.slice(start, start + size));
  }
  return result;
}

/**
 * Backends that write the same rows at once take their locks in one order, or
 * they wait for each other for ever.
 */
export function inOrder<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...items].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
