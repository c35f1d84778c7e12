import { Addresses, selectors } from './addresses';
import { KubeApiError, KubeUnreachableError } from './errors';
import { Freshness } from './freshness';
import { readLines } from './lines';
import { Transport } from './transport';
import { KubeClient, WatchEvent } from './types';

const WATCH_SECONDS = 300;
const METADATA_ONLY =
  'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

/** What goes on for as long as somebody listens: changes, and logs. */
export function createStreams(
  cluster: string,
  send: Transport,
  addresses: Addresses,
  freshness: Freshness,
): Pick<KubeClient, 'watch' | 'logs'> {
  return {
    async watch(kind, options, onEvent, signal) {
      const path = await addresses.ofKind(kind, options.namespace, signal);
      const response = await send(
        {
          method: 'GET',
          path,
          stream: true,
          accept: options.metadataOnly ? METADATA_ONLY : undefined,
          query: {
            ...selectors(options),
            watch: true,
            allowWatchBookmarks: true,
            resourceVersion: options.resourceVersion,
            timeoutSeconds: options.timeoutSeconds ?? WATCH_SECONDS,
          },
        },
        signal,
      );
      options.onOpen?.();
      try {
        for await (const line of readLines(response.body ?? [])) {
          const event = readEvent(line, cluster, path);
          freshness.told(
            kind,
            event.type === 'BOOKMARK'
              ? event.resourceVersion
              : event.object.metadata.resourceVersion,
          );
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
