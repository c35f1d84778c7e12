import { KubeApiError } from './errors';
import {
  KubeClient,
  KubeObject,
  ListOptions,
  ObjectRef,
  ResourceInfo,
} from './types';

/** A cluster does not serve a kind: unlike an object that is not there. */
const UNKNOWN_KIND = 'UnknownKind';

/** Where the API server has kinds and objects, by what it says it serves. */
export interface Addresses {
  /** Errors: `KubeApiError`, see `isUnknownKind`. */
  ofKind(
    kind: { apiVersion: string; kind: string },
    namespace: string | undefined,
    signal: AbortSignal,
  ): Promise<string>;
  /** Errors: as above. */
  ofObject(ref: ObjectRef, signal: AbortSignal): Promise<string>;
}

export function createAddresses(
  cluster: string,
  discovery: Pick<KubeClient, 'resource'>,
): Addresses {
  const ofKind: Addresses['ofKind'] = async (kind, namespace, signal) => {
    const info = await discovery.resource(kind.apiVersion, kind.kind, signal);
    if (!info) {
      throw new KubeApiError(cluster, `${kind.apiVersion} ${kind.kind}`, 404, {
        reason: UNKNOWN_KIND,
        message: `the cluster does not serve ${kind.apiVersion} ${kind.kind}; its CustomResourceDefinition is missing, or another version is served`,
      });
    }
    return collectionPath(info, namespace);
  };
  return {
    ofKind,
    async ofObject(ref, signal) {
      const collection = await ofKind(ref, ref.namespace, signal);
      return `${collection}/${encodeURIComponent(ref.name)}`;
    },
  };
}

export function isUnknownKind(error: unknown): boolean {
  return error instanceof KubeApiError && error.reason === UNKNOWN_KIND;
}

/** `/apis/apps/v1/namespaces/shop/deployments` */
function collectionPath(info: ResourceInfo, namespace?: string): string {
  const root = info.apiVersion.includes('/')
    ? `/apis/${info.apiVersion}`
    : `/api/${info.apiVersion}`;
  return info.namespaced && namespace
    ? `${root}/namespaces/${encodeURIComponent(namespace)}/${info.plural}`
    : `${root}/${info.plural}`;
}

export function refOf({ apiVersion, kind, metadata }: KubeObject): ObjectRef {
  const { name, namespace } = metadata;
  return { apiVersion, kind, name, ...(namespace && { namespace }) };
}

/** Which objects of a kind are meant, as a query. */
export function selectors({
  labelSelector,
  fieldSelector,
}: Pick<ListOptions, 'labelSelector' | 'fieldSelector'>) {
  return { labelSelector, fieldSelector };
}
