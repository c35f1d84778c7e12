import { Addresses, isUnknownKind, refOf } from './addresses';
import { isNotFound } from './errors';
import { Freshness } from './freshness';
import { KubeClient, KubeObject, ObjectRef } from './types';

/** One object made, changed or taken away, on the terms of its caller. */
export function createWrites(
  raw: KubeClient['raw'],
  addresses: Addresses,
  freshness: Freshness,
): Pick<KubeClient, 'create' | 'apply' | 'patch' | 'delete'> {
  /** What is read from now on is not older than this write. */
  function note(
    kind: Pick<ObjectRef, 'apiVersion' | 'kind'>,
    written: KubeObject,
    dryRun: boolean | undefined,
  ): KubeObject {
    if (!dryRun) {
      freshness.told(kind, written.metadata.resourceVersion);
    }
    return written;
  }

  return {
    async create(object, { fieldManager, dryRun }, signal) {
      const { namespace } = object.metadata;
      const written = await raw<KubeObject>(
        {
          method: 'POST',
          path: await addresses.ofKind(object, namespace, signal),
          query: {
            fieldManager,
            fieldValidation: 'Strict',
            dryRun: dryRun ? 'All' : undefined,
          },
          body: object,
        },
        signal,
      );
      return note(object, written, dryRun);
    },
    async apply(
      object,
      { fieldManager, force, dryRun, strict = true },
      signal,
    ) {
      const written = await raw<KubeObject>(
        {
          method: 'PATCH',
          path: await addresses.ofObject(refOf(object), signal),
          contentType: 'application/apply-patch+yaml',
          query: {
            fieldManager,
            force: force ? true : undefined,
            dryRun: dryRun ? 'All' : undefined,
            fieldValidation: strict ? 'Strict' : 'Warn',
          },
          body: object,
        },
        signal,
      );
      return note(object, written, dryRun);
    },
    async patch(ref, patch, { fieldManager, subresource, dryRun }, signal) {
      const path = await addresses.ofObject(ref, signal);
      const written = await raw<KubeObject>(
        {
          method: 'PATCH',
          path: subresource ? `${path}/${subresource}` : path,
          contentType: 'application/merge-patch+json',
          query: { fieldManager, dryRun: dryRun ? 'All' : undefined },
          body: patch,
        },
        signal,
      );
      return note(ref, written, dryRun);
    },
    async delete(ref, options, signal) {
      const { uid, resourceVersion, dryRun } = options;
      try {
        const answer = await raw<Partial<KubeObject>>(
          {
            method: 'DELETE',
            path: await addresses.ofObject(ref, signal),
            body: {
              kind: 'DeleteOptions',
              apiVersion: 'v1',
              propagationPolicy: options.propagation ?? 'Background',
              gracePeriodSeconds: options.gracePeriodSeconds,
              ...(dryRun && { dryRun: ['All'] }),
              ...((uid || resourceVersion) && {
                preconditions: { uid, resourceVersion },
              }),
            },
          },
          signal,
        );
        if (!dryRun) {
          // The object that is leaving, or only the word that it is gone.
          freshness.told(
            ref,
            answer.kind === 'Status'
              ? undefined
              : answer.metadata?.resourceVersion,
          );
        }
        return true;
      } catch (error) {
        if (isNotFound(error) && !isUnknownKind(error)) {
          return false;
        }
        throw error;
      }
    },
  };
}
