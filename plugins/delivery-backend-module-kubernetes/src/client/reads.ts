import { Addresses, isUnknownKind, selectors } from './addresses';
import { isNotFound, isTooLargeVersion } from './errors';
import { Freshness } from './freshness';
import { KubeClient, KubeObject, ListOptions, ObjectList } from './types';

const PAGE_SIZE = 500;
const METADATA_LIST =
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

/** Objects as they are now, one or all of a kind. */
export function createReads(
  raw: KubeClient['raw'],
  addresses: Addresses,
  freshness: Freshness,
): Pick<KubeClient, 'get' | 'list'> {
  /** Pages to the end; the first one is not older than `notOlderThan`. */
  async function pages(
    kind: { apiVersion: string; kind: string },
    options: ListOptions,
    notOlderThan: string | undefined,
    signal: AbortSignal,
  ): Promise<ObjectList> {
    const { apiVersion, kind: name } = kind;
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
            ...(token
              ? { continue: token }
              : notOlderThan && {
                  resourceVersion: notOlderThan,
                  resourceVersionMatch: 'NotOlderThan',
                }),
          },
          accept: options.metadataOnly ? METADATA_LIST : undefined,
        },
        signal,
      );
      for (const item of page.items ?? []) {
        // Items of a list do not repeat what they are.
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
  }

  return {
    async get(ref, signal) {
      try {
        const path = await addresses.ofObject(ref, signal);
        const object = await raw<KubeObject>({ method: 'GET', path }, signal);
        freshness.told(ref, object.metadata.resourceVersion);
        return object;
      } catch (error) {
        if (isNotFound(error) && !isUnknownKind(error)) {
          return undefined;
        }
        throw error;
      }
    },
    async list(kind, options, signal) {
      const enough = options.recent ? freshness.enough(kind) : undefined;
      if (enough) {
        try {
          return await pages(kind, options, enough, signal);
        } catch (error) {
          if (!isTooLargeVersion(error)) {
            throw error;
          }
          // A store that was restored counts from an earlier number.
          freshness.forget(kind);
        }
      }
      const askedAtMs = freshness.now();
      const list = await pages(kind, options, undefined, signal);
      freshness.readNewest(kind, list.resourceVersion, askedAtMs);
      return list;
    },
  };
}
