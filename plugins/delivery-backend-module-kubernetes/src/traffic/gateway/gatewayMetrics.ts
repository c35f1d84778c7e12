import { isError } from '@backstage/errors';
import { HealthCause } from '@slipway/backstage-plugin-delivery-common';
import { readLines } from '../../client';
import { DataPlane } from '../dataPlane';
import { LiveTraffic } from '../live';
import { toShares } from '../weights';

/** Counters of requests are compared over this time. */
const SAMPLE = /^([a-z_]+)\{([^}]*)\}\s+(\d+)/;
const WINDOW_MS = 60_000;
/** So often a reading is kept. */
const KEEP_EVERY_MS = 2_000;
/** Whoever asks more often gets the last reading. */
const FRESH_MS = 500;
const ANSWER_LIMIT_MS = 2_000;
const MAX_BYTES = 64 * 1024 * 1024;

const REQUESTS = {
  filter: '?usedonly&filter=upstream_rq_[0-9]xx',
  statistic: 'envoy_cluster_upstream_rq_xx',
};
const CONNECTED = {
  filter: '?filter=connected_state',
  statistic:
    /^envoy_(cluster_manager_cds|http_rds|listener_manager_lds).*_connected_state$/,
};
const ENDPOINTS = {
  filter: '?filter=membership_healthy',
  statistic: 'envoy_cluster_membership_healthy',
};

/** Requests answered since Envoy was started, by the name of its cluster. */
type Reading = Map<string, number>;

/**
 * Statistics of Envoys, in Prometheus' text format, whose clusters are named
 * `NAMESPACE_SERVICE_PORT` (as Contour does). Readings are shared by all
 * targets: what is asked of an Envoy does not grow with their number.
 *
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats
 */
export function createEnvoyMetrics(options: {
  /** One for each Envoy; see `readGatewayMetrics`. */
  urls: URL[];
  clock?: () => number;
}): DataPlane {
  const { urls, clock = Date.now } = options;
  const kept: Array<{ atMs: number; reading: Reading }> = [];
  let latest: { atMs: number; reading: Promise<Reading> } | undefined;
  /** By a main Service of a target: when requests were last copied there. */
  const copiedAtMs = new Map<string, number>();
  let failing: { sinceMs: number; message: string } | undefined;

  /**
   * An Envoy counts copies of requests as it counts requests. While there are
   * any in the window, shares cannot be told from its counters.
   */
  function countsCopies(
    { namespace, services, routes, backends }: LiveTraffic,
    nowMs: number,
  ): boolean {
    const key = `${namespace}/${services[0]?.metadata.name}`;
    const copies = routes.some(({ object, router }) =>
      router.routes(object, backends).some(({ type }) => type === 'mirror'),
    );
    if (copies) {
      copiedAtMs.set(key, nowMs);
      return true;
    }
    const isInWindow = nowMs - (copiedAtMs.get(key) ?? -Infinity) <= WINDOW_MS;
    if (!isInWindow) {
      copiedAtMs.delete(key);
    }
    return isInWindow;
  }

  async function readAll(): Promise<Reading> {
    const sum: Reading = new Map();
    // Shared by whoever asks: nobody's signal ends it.
    const readings = await Promise.all(
      urls.map(url => readEnvoy(url, REQUESTS, new AbortController().signal)),
    );
    for (const reading of readings) {
      for (const [name, count] of reading) {
        sum.set(name, (sum.get(name) ?? 0) + count);
      }
    }
    return sum;
  }

  async function current(): Promise<{ atMs: number; reading: Reading }> {
    const nowMs = clock();
    if (!latest || nowMs - latest.atMs >= FRESH_MS) {
      latest = { atMs: nowMs, reading: readAll() };
    }
    const { atMs } = latest;
    const reading = await latest.reading;
    if (!kept.length || atMs - kept[kept.length - 1].atMs >= KEEP_EVERY_MS) {
      kept.push({ atMs, reading });
    }
    while (kept.length > 1 && kept[1].atMs <= atMs - WINDOW_MS) {
      kept.shift();
    }
    return { atMs, reading };
  }

  return {
    async follows(signal) {
      const states = await Promise.all(
        urls.map(url => readStates(url, signal)),
      );
      return states.flat().every(connected => connected);
    },
    async knows(namespace, services, signal) {
      const readings = await Promise.all(
        urls.map(url => readEnvoy(url, ENDPOINTS, signal)),
      );
      return readings.every(reading =>
        services.every(service =>
          [...reading].some(
            ([cluster, count]) =>
              count > 0 && serviceOf(cluster, namespace) === service,
          ),
        ),
      );
    },
    async measure(live) {
      if (live.routes.length === 0) {
        return {};
      }
      let now: { atMs: number; reading: Reading };
      try {
        now = await current();
        failing = undefined;
      } catch (error) {
        const message = isError(error) ? error.message : String(error);
        failing = { sinceMs: failing?.sinceMs ?? clock(), message };
        return { causes: [notMeasured(failing)] };
      }
      if (countsCopies(live, now.atMs)) {
        return {};
      }
      const [before] = kept;
      const weights = requestsBetween(live, before.reading, now.reading);
      const requests = weights.reduce((sum, { weight }) => sum + weight, 0);
      return requests > 0
        ? {
            measured: {
              shares: toShares(weights),
              requests,
              windowMs: now.atMs - before.atMs,
            },
          }
        : {};
    },
  };
}

function notMeasured(failing: {
  sinceMs: number;
  message: string;
}): HealthCause {
  return {
    code: 'traffic-not-measured',
    level: 'warning',
    summary: 'The gateway’s data plane does not tell its requests',
    evidence: failing.message,
    action:
      'Look whether it runs, and at delivery.kubernetes.gatewayMetrics of the configuration',
    sinceMs: failing.sinceMs,
  };
}

/** `shop` of `team_shop_80`; names of Kubernetes have no underscore. */
function serviceOf(cluster: string, namespace: string): string | undefined {
  const [place, service, port, ...more] = cluster.split('_');
  return place === namespace && port !== undefined && more.length === 0
    ? service
    : undefined;
}

/** Requests of each generation between two readings, whatever the port. */
function requestsBetween(
  live: LiveTraffic,
  before: Reading,
  now: Reading,
): Array<{ generation: string; weight: number }> {
  return [...now].flatMap(([cluster, count]) => {
    const service = serviceOf(cluster, live.namespace);
    const generation = service && live.backends.of(service)?.generation;
    if (!generation) {
      return [];
    }
    const past = before.get(cluster) ?? 0;
    // A counter that went down belongs to an Envoy that was started again.
    const weight = count >= past ? count - past : count;
    return [{ generation, weight }];
  });
}

async function readEnvoy(
  url: URL,
  { filter, statistic }: { filter: string; statistic: string },
  signal: AbortSignal,
): Promise<Reading> {
  return await parseByCluster(await readText(url, filter, signal), statistic);
}

/** Whether each of an Envoy's streams from its controller is there. */
async function readStates(url: URL, signal: AbortSignal): Promise<boolean[]> {
  const states: boolean[] = [];
  const text = await readText(url, CONNECTED.filter, signal);
  for await (const line of readLines(text)) {
    const [, name, , value] = SAMPLE.exec(line) ?? [];
    if (name && CONNECTED.statistic.test(name)) {
      states.push(Number(value) > 0);
    }
  }
  return states;
}

async function readText(
  url: URL,
  filter: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const asked = new URL(url);
  if (!asked.search) {
    // Only what is needed: an Envoy has thousands of statistics.
    asked.search = filter;
  }
  const response = await fetch(asked, {
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]),
  });
  if (!response.ok || !response.body) {
    throw new Error(`${url.origin} answered ${response.status}`);
  }
  return bounded(response.body, url);
}

async function* bounded(
  body: AsyncIterable<Uint8Array>,
  url: URL,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > MAX_BYTES) {
      throw new Error(`${url.origin} answered more than ${MAX_BYTES} bytes`);
    }
    yield part;
  }
}

const CLUSTER_NAME = /envoy_cluster_name="([^"]*)"/;

/** Sums of a statistic by Envoy cluster, from the text of its admin port. */
export async function parseByCluster(
  text: AsyncIterable<Uint8Array>,
  statistic: string,
): Promise<Reading> {
  const reading: Reading = new Map();
  for await (const line of readLines(text)) {
    const [, found, labels, value] = SAMPLE.exec(line) ?? [];
    const name = found === statistic && CLUSTER_NAME.exec(labels)?.[1];
    if (name) {
      reading.set(name, (reading.get(name) ?? 0) + Number(value));
    }
  }
  return reading;
}
