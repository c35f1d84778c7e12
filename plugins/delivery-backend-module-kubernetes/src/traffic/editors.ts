import { KubeObject, ManagedFieldsEntry } from '../client';
import { TRAFFIC_FIELD_MANAGER } from '../names';

/** Who last wrote a field that is ours, if it was somebody else. */
export interface Editor {
  manager: string;
  /** `Apply`, or `Update` for an edit. */
  operation: string;
  atMs?: number;
}

/**
 * The newest other writer of a field, from the object's managed fields;
 * `undefined` when nobody but us has it. Names are of programs: the API server
 * does not keep which person used them.
 */
export function editorOf(
  { metadata }: KubeObject,
  path: string[],
): Editor | undefined {
  const others = (metadata.managedFields ?? [])
    .filter(
      entry =>
        entry.manager !== TRAFFIC_FIELD_MANAGER &&
        !entry.subresource &&
        owns(entry, path),
    )
    .sort((a, b) => (b.time ?? '').localeCompare(a.time ?? ''));
  const [newest] = others;
  return (
    newest && {
      manager: newest.manager ?? 'unknown',
      operation: newest.operation ?? 'Update',
      ...(newest.time && { atMs: Date.parse(newest.time) }),
    }
  );
}

function owns({ fieldsV1 }: ManagedFieldsEntry, path: string[]): boolean {
  let current: unknown = fieldsV1;
  for (const field of path) {
    if (typeof current !== 'object' || current === null) {
      return false;
    }
    current = Object.entries(current).find(
      ([key]) => key === `f:${field}`,
    )?.[1];
    if (current === undefined) {
      return false;
    }
  }
  return true;
}

/** `kubectl-edit at 2026-11-24T12:03:00.000Z`, for a sentence. */
export function describeEditor(editor: Editor | undefined): string {
  if (!editor) {
    return 'somebody';
  }
  return editor.atMs
    ? `${editor.manager} at ${new Date(editor.atMs).toISOString()}`
    : editor.manager;
}
