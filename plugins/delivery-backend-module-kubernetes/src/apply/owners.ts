import { KubeApiError, ManagedFieldsEntry } from '../client';
import { FIELD_MANAGER, TRAFFIC_FIELD_MANAGER } from '../names';

/*
 * Who wrote what. The API server keeps for every field the managers that set
 * it (https://kubernetes.io/docs/reference/using-api/server-side-apply/).
 */

/** A field that another manager owns. */
export interface FieldConflict {
  /** `.spec.template.spec.containers[name="app"].image` */
  field: string;
  manager: string;
}

/** The fields that an apply would have taken from others; `undefined`: another refusal. */
export function conflictsOf(error: unknown): FieldConflict[] | undefined {
  if (!(error instanceof KubeApiError) || error.status !== 409) {
    return undefined;
  }
  const conflicts = (error.body.details?.causes ?? [])
    .filter(({ reason }) => reason === 'FieldManagerConflict')
    .map(({ message = '', field = '' }) => ({
      field,
      manager: /conflict with "([^"]*)"/.exec(message)?.[1] ?? 'another one',
    }));
  return conflicts.length > 0 ? conflicts : undefined;
}

/** `.spec.replicas belongs to "kubectl-edit"`, for people. */
export function describeConflicts(conflicts: FieldConflict[]): string {
  const byManager = new Map<string, string[]>();
  for (const { manager, field } of conflicts) {
    byManager.set(manager, [...(byManager.get(manager) ?? []), field]);
  }
  return [...byManager]
    .map(
      ([manager, fields]) =>
        `${fields.join(', ')} ${
          fields.length === 1 ? 'belongs' : 'belong'
        } to "${manager}"`,
    )
    .join('; ');
}

/** Whether a set of fields (`fieldsV1`) has one below this path. */
function covers(fields: Record<string, unknown>, path: string[]): boolean {
  if (path.length === 0) {
    return true;
  }
  const child = fields[`f:${path[0]}`];
  return (
    typeof child === 'object' &&
    child !== null &&
    covers(Object.fromEntries(Object.entries(child)), path.slice(1))
  );
}

/** Whether anybody has set an item of a list, which is told by its key. */
export function ownedItem(
  entries: ManagedFieldsEntry[] | undefined,
  path: string[],
  key: Record<string, string>,
): boolean {
  const item = `k:${JSON.stringify(key)}`;
  return (entries ?? []).some(({ fieldsV1 = {} }) => {
    let fields: Fields = fieldsV1;
    for (const name of path) {
      fields = fieldsIn(fields[`f:${name}`]);
    }
    return fields[item] !== undefined;
  });
}

/** Who has set a field, or fields below it, newest first. */
export function ownersOf(
  entries: ManagedFieldsEntry[] | undefined,
  path: string[],
): Array<{ manager: string; operation: string; atMs: number }> {
  return (entries ?? [])
    .filter(({ fieldsV1 }) => fieldsV1 && covers(fieldsV1, path))
    .map(({ manager = 'unknown', operation = 'Update', time }) => ({
      manager,
      operation,
      atMs: time ? Date.parse(time) : 0,
    }))
    .sort((a, b) => b.atMs - a.atMs);
}

/** Fields that another manager has, and we have not. */
export interface OthersFields {
  manager: string;
  atMs?: number;
  /** `.spec.template.spec.containers[name="app"].image` */
  fields: string[];
}

/** A set of fields, as `fieldsV1` has it: `f:spec`, `k:{"name":"app"}`, `.`. */
export type Fields = Record<string, unknown>;

export function fieldsIn(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function fieldsV1Of(entry: ManagedFieldsEntry): Fields[] {
  return entry.fieldsV1 ? [entry.fieldsV1] : [];
}

/** What is in a set of fields and in none of the others. */
export function without(fields: Fields, others: Fields[]): Fields {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([key, value]) => {
      const inner = fieldsIn(value);
      const theirs: Fields[] = others
        .filter(other => other[key] !== undefined)
        .map(other => fieldsIn(other[key]));
      if (theirs.length === 0) {
        return [[key, inner]];
      }
      const rest = without(inner, theirs);
      return Object.keys(rest).length > 0 ? [[key, rest]] : [];
    }),
  );
}

/** `f:spec`, `k:{"name":"app"}`, `v:"x"` as a step of a path for people. */
export function stepOf(key: string): string {
  const name = key.slice(2);
  return key.startsWith('f:')
    ? `.${name}`
    : `[${name.replace(/^\{|\}$/g, '').replace(/"([^"]+)":/g, '$1=')}]`;
}

/** All of them. */
function paths(fields: Fields, above: string): string[] {
  const below = Object.entries(fields).filter(([key]) => key !== '.');
  if (below.length === 0) {
    return [above];
  }
  return below.flatMap(([key, value]) =>
    paths(fieldsIn(value), `${above}${stepOf(key)}`),
  );
}

/**
 * Of who owns which field of an object, what tells that others have written it:
 * whether we have, and what is theirs alone. Controllers write to `status`, and
 * scalers by a subresource: neither is told.
 */
export function othersEntries(
  entries: ManagedFieldsEntry[] | undefined,
): ManagedFieldsEntry[] {
  const all = entries ?? [];
  return [
    ...(all.some(
      ({ manager, subresource }) => manager === FIELD_MANAGER && !subresource,
    )
      ? [{ manager: FIELD_MANAGER }]
      : []),
    ...all.flatMap(entry => {
      const fieldsV1 = othersOf(entry, all);
      return fieldsV1 ? [{ ...entry, fieldsV1 }] : [];
    }),
  ];
}

/** Whether an entry is neither a controller's nor a scaler's. */
const isWritten = ({ subresource, manager }: ManagedFieldsEntry) =>
  !subresource && manager !== 'kube-controller-manager';

const isOurs = ({ manager }: ManagedFieldsEntry) =>
  manager === FIELD_MANAGER || manager === TRAFFIC_FIELD_MANAGER;

/** What of an entry others have written and we have not; `undefined`: nothing. */
export function othersOf(
  entry: ManagedFieldsEntry,
  all: ManagedFieldsEntry[],
): Fields | undefined {
  if (!isWritten(entry) || isOurs(entry)) {
    return undefined;
  }
  const ours = all.filter(other => isWritten(other) && isOurs(other));
  const fields = without(entry.fieldsV1 ?? {}, ours.flatMap(fieldsV1Of));
  return Object.keys(fields).length > 0 ? fields : undefined;
}

/** The same for people, oldest first. */
export function fieldsOfOthers(
  entries: ManagedFieldsEntry[] | undefined,
): OthersFields[] {
  return othersEntries(entries)
    .flatMap(({ manager = 'unknown', time, fieldsV1 }) =>
      fieldsV1
        ? [
            {
              manager,
              ...(time && { atMs: Date.parse(time) }),
              fields: paths(fieldsV1, ''),
            },
          ]
        : [],
    )
    .sort((a, b) => (a.atMs ?? 0) - (b.atMs ?? 0));
}

/** Whether we have ever written an object: its labels alone may be copied. */
export function isWrittenByUs(
  entries: ManagedFieldsEntry[] | undefined,
): boolean {
  return (entries ?? []).some(({ manager }) => manager === FIELD_MANAGER);
}
