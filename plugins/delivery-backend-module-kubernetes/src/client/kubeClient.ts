import type { KubeConfig } from '@kubernetes/client-node';
import type { Response } from 'undici';
import { EndpointSource, kubeConfigEndpoint } from './endpoint';
import { isNotFound, KubeApiError, KubeUnreachableError } from './errors';
import { createDiscovery } from './discovery';
import { createTransport } from './transport';
import { readLines } from './lines';
import {
  KubeClient,
  KubeObject,
  ListOptions,
  ObjectRef,
  RequestNote,
  ResourceInfo,
  WatchEvent,
} from './types';

const PAGE_SIZE = 500;
const WATCH_SECONDS = 300;
/** A page of a list is the biggest answer that is expected. */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024;
const METADATA_ONLY =
  'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const METADATA_LIST =
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

/**
 * The API of one cluster: of a kubeconfig's current context, or of whatever
 * `endpoint` says.
 */
export function createKubeClient(
  options: {
    cluster: string;
    onRequest?: (note: RequestNote) => void;
    /** How long an answer that is no stream may take. Default 30,000. */
    answerLimitMs?: number;
  } & ({ kubeConfig: KubeConfig } | { endpoint: EndpointSource }),
): KubeClient & { close(): Promise<void> } {
  const { cluster, onRequest, answerLimitMs } = options;
  const send = createTransport({
    cluster,
    onRequest,
    answerLimitMs,
    endpoint:
      'endpoint' in options
        ? options.endpoint
        : kubeConfigEndpoint(() => options.kubeConfig),
  });

  const raw: KubeClient['raw'] = async (request, signal) => {
    const response = await send(request, signal);
    try {
      const text = await readText(response);
      // What is read is checked where it is used: an API server answers in the
      // form of the kind that was asked for.
      return (isJson(response) ? JSON.parse(text) : text) as never;
    } catch (error) {
      signal.throwIfAborted();
      throw new KubeUnreachableError(
        cluster,
        `${request.method} ${request.path}`,
        error,
      );
    }
  };
  const discovery = createDiscovery(raw);

  async function served(
    kind: { apiVersion: string; kind: string },
    signal: AbortSignal,
  ): Promise<ResourceInfo> {
    const info = await discovery.resource(kind.apiVersion, kind.kind, signal);
    if (!info) {
      throw new KubeApiError(cluster, `${kind.apiVersion} ${kind.kind}`, 404, {
        reason: 'UnknownKind',
        message: `the cluster does not serve ${kind.apiVersion} ${kind.kind}; its CustomResourceDefinition is missing, or another version is served`,
      });
    }
    return info;
  }

  async function objectPath(ref: ObjectRef, signal: AbortSignal) {
    const info = await served(ref, signal);
    return `${collectionPath(info, ref.namespace)}/${encodeURIComponent(
      ref.name,
    )}`;
  }

  return {
    cluster,
    raw,
    resource: discovery.resource,
    close: () => send.close(),
    async get(ref, signal) {
      try {
        return await raw<KubeObject>(
          { method: 'GET', path: await objectPath(ref, signal) },
          signal,
        );
      } catch (error) {
        if (isNotFound(error) && !isUnknownKind(error)) {
          return undefined;
        }
        throw error;
      }
    },
    async list(kind, listOptions, signal) {
      const info = await served(kind, signal);
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
            path: collectionPath(info, listOptions.namespace),
            query: {
              ...selectors(listOptions),
              limit: listOptions.limit ?? PAGE_SIZE,
              continue: token,
            },
            accept: listOptions.metadataOnly ? METADATA_LIST : undefined,
          },
          signal,
        );
        for (const item of page.items ?? []) {
          // Items of a list do not repeat what they are.
          const { apiVersion, kind: name } = kind;
          const whole = { ...item, apiVersion, kind: name };
          const kept = listOptions.slim ? listOptions.slim(whole) : whole;
          if (kept) {
            items.push(kept);
          }
        }
        token = page.metadata.continue || undefined;
        resourceVersion = page.metadata.resourceVersion ?? resourceVersion;
      } while (token);
      return { items, resourceVersion };
    },
    async create(object, { fieldManager, dryRun }, signal) {
      const info = await served(object, signal);
      return await raw<KubeObject>(
        {
          method: 'POST',
          path: collectionPath(info, object.metadata.namespace),
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
          path: await objectPath(refOf(object), signal),
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
      const path = await objectPath(ref, signal);
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
    async delete(ref, deleteOptions, signal) {
      const { uid, resourceVersion, dryRun } = deleteOptions;
      try {
        await raw(
          {
            method: 'DELETE',
            path: await objectPath(ref, signal),
            body: {
              kind: 'DeleteOptions',
              apiVersion: 'v1',
              propagationPolicy: deleteOptions.propagation ?? 'Background',
              gracePeriodSeconds: deleteOptions.gracePeriodSeconds,
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
    async watch(kind, watchOptions, onEvent, signal) {
      const info = await served(kind, signal);
      const path = collectionPath(info, watchOptions.namespace);
      const response = await send(
        {
          method: 'GET',
          path,
          stream: true,
          accept: watchOptions.metadataOnly ? METADATA_ONLY : undefined,
          query: {
            ...selectors(watchOptions),
            watch: true,
            allowWatchBookmarks: true,
            resourceVersion: watchOptions.resourceVersion,
            timeoutSeconds: watchOptions.timeoutSeconds ?? WATCH_SECONDS,
          },
        },
        signal,
      );
      watchOptions.onOpen?.();
      try {
        for await (const line of readLines(response.body ?? [])) {
          const event = readEvent(line, cluster, path);
          onEvent(
            event.type === 'BOOKMARK'
              ? event
              : { ...event, object: { ...event.object, ...kind } },
          );
        }
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof KubeApiError) {
          throw error;
        }
        throw new KubeUnreachableError(cluster, `WATCH ${path}`, error);
      }
    },
    async *logs(pod, { container, ...rest }, signal) {
      const path = `/api/v1/namespaces/${encodeURIComponent(
        pod.namespace,
      )}/pods/${encodeURIComponent(pod.name)}/log`;
      const response = await send(
        {
          method: 'GET',
          path,
          stream: true,
          accept: '*/*',
          query: { container, timestamps: true, ...rest },
        },
        signal,
      );
      try {
        for await (const bytes of response.body ?? []) {
          yield bytes;
        }
      } catch (error) {
        signal.throwIfAborted();
        throw new KubeUnreachableError(cluster, `GET ${path}`, error);
      }
    },
  };
}

export function refOf({ apiVersion, kind, metadata }: KubeObject): ObjectRef {
  const { name, namespace } = metadata;
  return { apiVersion, kind, name, ...(namespace && { namespace }) };
}

function isJson(response: Response): boolean {
  return /\bjson\b/.test(response.headers.get('content-type') ?? 'json');
}

/** The whole answer, unless it would fill our memory. */
async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) {
      throw new Error(`the answer has more than ${MAX_ANSWER_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function isUnknownKind(error: unknown): boolean {
  return error instanceof KubeApiError && error.reason === 'UnknownKind';
}

/** `/apis/apps/v1/namespaces/shop/deployments` */
export function collectionPath(info: ResourceInfo, namespace?: string): string {
  const root = info.apiVersion.includes('/')
    ? `/apis/${info.apiVersion}`
    : `/api/${info.apiVersion}`;
  return info.namespaced && namespace
    ? `${root}/namespaces/${encodeURIComponent(namespace)}/${info.plural}`
    : `${root}/${info.plural}`;
}

function selectors({ labelSelector, fieldSelector }: ListOptions) {
  return { labelSelector, fieldSelector };
}

function readEvent(line: string, cluster: string, path: string): WatchEvent {
  const { type, object } = JSON.parse(line);
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object };
    case 'BOOKMARK':
      return { type, resourceVersion: object.metadata.resourceVersion };
    default:
      throw new KubeApiError(
        cluster,
        `WATCH ${path}`,
        object?.code ?? 500,
        object ?? {},
      );
  }
}
