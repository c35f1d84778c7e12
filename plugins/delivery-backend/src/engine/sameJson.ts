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
  const left = new Map(Object.entries(a).filter(([, v]) => v !== undefined));
  const right = new Map(Object.entries(b).filter(([, v]) => v !== undefined));
  return (
    left.size === right.size &&
    [...left].every(
      ([key, value]) => right.has(key) && sameJson(value, right.get(key)),
    )
  );
}
