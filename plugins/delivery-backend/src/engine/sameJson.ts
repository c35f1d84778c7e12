/**
 * Whether two values say the same once they are JSON: the order of keys and
 * keys that are `undefined` mean nothing, as after a trip through the store.
 */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) {
    return true;
  }
  if (
    typeof a !== 'object' ||
    typeof b !== 'object' ||
    a === null ||
    b === null ||
    Array.isArray(a) !== Array.isArray(b)
  ) {
    return false;
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return (
      a.length === b.length &&
      a.every((item, index) => sameJson(item, b[index]))
    );
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  return (
    Object.keys(left).every(key => sameJson(left[key], right[key])) &&
    Object.keys(right).every(
      key => left[key] !== undefined || right[key] === undefined,
    )
  );
}
