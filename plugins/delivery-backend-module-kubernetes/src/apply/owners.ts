import { KubeApiError, ManagedFieldsEntry } from '../client';

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
