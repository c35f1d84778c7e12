import { Addresses, isUnknownKind, refOf } from './addresses';
import { isNotFound } from './errors';
import { KubeClient, KubeObject } from './types';

/** One object made, changed or taken away, on the terms of its caller. */
export function createWrites(
  raw: KubeClient['raw'],
  addresses: Addresses,
): Pick<KubeClient, 'create' | 'apply' | 'patch' | 'delete'> {
  return {
    async create(object, { fieldManager, dryRun }, signal) {
      const { namespace } = object.metadata;
      return await raw<KubeObject>(
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
    },
    async apply(
      object,
      { fieldManager, force, dryRun, strict = true },
      signal,
    ) {
      return await raw<KubeObject>(
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
    },
    async patch(ref, patch, { fieldManager, subresource, dryRun }, signal) {
      const path = await addresses.ofObject(ref, signal);
      return await raw<KubeObject>(
        {
          method: 'PATCH',
          path: subresource ? `${path}/${subresource}` : path,
          contentType: 'application/merge-patch+json',
          query: { fieldManager, dryRun: dryRun ? 'All' : undefined },
          body: patch,
        },
        signal,
      );
    },
    async delete(ref, options, signal) {
      const { uid, resourceVersion, dryRun } = options;
      try {
        await raw(
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
