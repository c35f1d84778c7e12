import { FieldChange } from '@slipway/backstage-plugin-delivery-common';

const MAX_TEXT = 200;
const MAX_DEPTH = 60;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Lists of Kubernetes whose members have a name are sets by that name. */
function byName(list: unknown[]): Map<string, unknown> | undefined {
  const names = new Map<string, unknown>();
  for (const member of list) {
    const name = isRecord(member) ? member.name : undefined;
    if (typeof name !== 'string' || names.has(name)) {
      return undefined;
    }
    names.set(name, member);
  }
  return names;
}

function show(value: unknown): string | undefined {
  if (value === undefined) {
    return undefined;
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text;
}

/**
 * Every field that differs, by its path, in the order of the paths. Members of
 * lists are told apart by their name where they have one, so that another order
 * is no change. Pure.
 */
export function compareFields(before: unknown, after: unknown): FieldChange[] {
  const changes: FieldChange[] = [];
  const walk = (a: unknown, b: unknown, path: string, depth: number) => {
    if (depth < MAX_DEPTH && isRecord(a) && isRecord(b)) {
      for (const key of [...new Set([...Object.keys(a), ...Object.keys(b)])]) {
        const step = /^[A-Za-z0-9_-]+$/.test(key) ? `.${key}` : `[${key}]`;
        walk(a[key], b[key], `${path}${step}`, depth + 1);
      }
      return;
    }
    if (depth < MAX_DEPTH && Array.isArray(a) && Array.isArray(b)) {
      const [was, is] = [byName(a), byName(b)];
      const keys =
        was && is
          ? [...new Set([...was.keys(), ...is.keys()])]
          : Array.from({ length: Math.max(a.length, b.length) }, (_, n) => n);
      for (const key of keys) {
        const member = (names: typeof was, list: unknown[]) =>
          typeof key === 'string' ? names?.get(key) : list[key];
        walk(member(was, a), member(is, b), `${path}[${key}]`, depth + 1);
      }
      return;
    }
    if (JSON.stringify(a) !== JSON.stringify(b)) {
      const shown = { before: show(a), after: show(b) };
      changes.push({
        path: path.replace(/^\./, ''),
        ...(shown.before !== undefined && { before: shown.before }),
        ...(shown.after !== undefined && { after: shown.after }),
      });
    }
  };
  walk(before, after, '', 0);
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1));
}
