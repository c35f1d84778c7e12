import type { KubeConfig } from '@kubernetes/client-node';
import { createAddresses } from './addresses';
import { createRaw } from './answers';
import { createDiscovery } from './discovery';
import { EndpointSource, kubeConfigEndpoint } from './endpoint';
import { Freshness } from './freshness';
import { createReads } from './reads';
import { createStreams } from './streams';
import { createTransport } from './transport';
import { KubeClient, RequestNote } from './types';
import { createWrites } from './writes';

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
  const raw = createRaw(cluster, send);
  const discovery = createDiscovery(raw);
  const addresses = createAddresses(cluster, discovery);
  const freshness = new Freshness();
  return {
    cluster,
    raw,
    resource: discovery.resource,
    ...createReads(raw, addresses, freshness),
    ...createWrites(raw, addresses, freshness),
    ...createStreams(cluster, send, addresses, freshness),
    close: () => send.close(),
  };
}
