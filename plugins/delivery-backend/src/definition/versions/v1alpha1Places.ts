import { EnvironmentField, FieldPlace } from './types';

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Reflect.get(value, key)
    : undefined;
}

/** Follows the same order as the conversion: the entry's own, then the defaults. */
export function placeOf(
  value: unknown,
  ref: string,
  wanted: EnvironmentField,
): FieldPlace {
  const entries = field(value, 'environments');
  const index = Array.isArray(entries)
    ? entries.findIndex((entry: unknown) => field(entry, 'ref') === ref)
    : -1;
  if (index < 0) {
    return { path: ['environments'], stated: false };
  }
  const entry = ['environments', index];
  const own = field(Array.isArray(entries) && entries[index], wanted);
  if (own !== undefined) {
    return { path: [...entry, wanted], stated: true };
  }
  return field(field(value, 'defaults'), wanted) !== undefined
    ? { path: ['defaults', wanted], stated: true }
    : { path: entry, stated: false };
}
