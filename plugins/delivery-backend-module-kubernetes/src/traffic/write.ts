import { ConflictError } from '@backstage/errors';
import { isConflict, KubeApiError, KubeClient, KubeObject } from '../client';
import { TRAFFIC_FIELD_MANAGER, TRAFFIC_ROUTES_ANNOTATION } from '../names';

/** Thrown when an object changed between our reading and our writing. */
export class ChangedMeanwhileError extends ConflictError {}

/**
 * Applies traffic's part of an object that was read, if it is still as it was
 * read. Says whether anything had to be written.
 *
 * `force`: fields that others have taken since are taken back.
 *
 * Errors: `ChangedMeanwhileError`; `KubeApiError` with status 409 when fields
 * belong to others.
 */
export async function applyPart(
  client: KubeClient,
  live: KubeObject,
  part: {
    spec?: Record<string, unknown>;
    annotations: Record<string, string>;
  },
  options: { force: boolean },
  signal: AbortSignal,
): Promise<KubeObject> {
  const { apiVersion, kind, metadata } = live;
  const { name, namespace, resourceVersion } = metadata;
  try {
    return await client.apply(
      {
        apiVersion,
        kind,
        metadata: {
          name,
          ...(namespace && { namespace }),
          ...(resourceVersion && { resourceVersion }),
          annotations: part.annotations,
        },
        ...(part.spec && { spec: part.spec }),
      },
      { fieldManager: TRAFFIC_FIELD_MANAGER, force: options.force },
      signal,
    );
  } catch (error) {
    if (isConflict(error) && !isFieldConflict(error)) {
      throw new ChangedMeanwhileError(
        `${kind} ${namespace}/${name} was changed while it was being written`,
        error,
      );
    }
    throw error;
  }
}

/** A conflict of owners, and not of versions. */
function isFieldConflict(error: unknown): boolean {
  return (
    error instanceof KubeApiError &&
    (error.body.details?.causes ?? []).some(
      ({ reason }) => reason === 'FieldManagerConflict',
    )
  );
}

/** Whether an apply of the part would change nothing. */
export function isWritten(
  live: KubeObject,
  part: {
    spec?: Record<string, unknown>;
    annotations: Record<string, string>;
  },
): boolean {
  const { annotations = {} } = live.metadata;
  const spec = (live.spec ?? {}) as Record<string, unknown>;
  return (
    // The only one of ours that is taken away again.
    annotations[TRAFFIC_ROUTES_ANNOTATION] ===
      part.annotations[TRAFFIC_ROUTES_ANNOTATION] &&
    Object.entries(part.annotations).every(
      ([name, value]) => annotations[name] === value,
    ) &&
    Object.entries(part.spec ?? {}).every(([field, value]) =>
      sameValue(spec[field], value),
    )
  );
}

/** Deep equality of JSON, whatever the order of the fields. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return (
      a.length === b.length &&
      a.every((value, index) => sameValue(value, b[index]))
    );
  }
  if (isRecord(a) && isRecord(b)) {
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length &&
      keys.every(key => key in b && sameValue(a[key], b[key]))
    );
  }
  return a === b;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
