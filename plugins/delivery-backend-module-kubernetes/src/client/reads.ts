import { Addresses, isUnknownKind, selectors } from './addresses';
import { isNotFound } from './errors';
import { KubeClient, KubeObject } from './types';

const PAGE_SIZE = 500;
const METADATA_LIST =
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

/** Objects as they are now, one or all of a kind. */
export function createReads(
  raw: KubeClient['raw'],
  addresses: Addresses,
): Pick<KubeClient, 'get' | 'list'> {
  return {
    async get(ref, signal) {
      try {
        const path = await addresses.ofObject(ref, signal);
        return await raw<KubeObject>({ method: 'GET', path }, signal);
      } catch (error) {
        if (isNotFound(error) && !isUnknownKind(error)) {
          return undefined;
        }
        throw error;
      }
    },
    async list(kind, options, signal) {
      const path = await addresses.ofKind(kind, options.namespace, signal);
      const items: KubeObject[] = [];
      let token: string | undefined;
      let resourceVersion = '0';
      do {
        const page = await raw<{
          metadata: { resourceVersion?: string; continue?: string };
          items?: KubeObject[];
        }>(
          {
            method: 'GET',
            path,
            query: {
              ...selectors(options),
              limit: options.limit ?? PAGE_SIZE,
              continue: token,
            },
            accept: options.metadataOnly ? METADATA_LIST : undefined,
          },
          signal,
        );
        for (const item of page.items ?? []) {
          // Items of a list do not repeat what they are.
          const { apiVersion, kind: name } = kind;
          const whole = { ...item, apiVersion, kind: name };
          const kept = options.slim ? options.slim(whole) : whole;
          if (kept) {
            items.push(kept);
          }
        }
        token = page.metadata.continue || undefined;
        resourceVersion = page.metadata.resourceVersion ?? resourceVersion;
      } while (token);
      return { items, resourceVersion };
    },
  };
}
