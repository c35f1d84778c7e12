import {
  builtinMetrics,
  createPrometheusClient,
  createPrometheusProvider,
} from '@slipway/backstage-plugin-delivery-backend-module-prometheus';
import {
  missingForPrometheus,
  PrometheusServer,
  startPrometheus,
} from '@slipway/backstage-plugin-delivery-backend-module-prometheus/testing';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { describeOnCluster, startLoad } from '../testing';
import { createMetricLabels } from './metricLabels';
import {
  openTrafficWorld,
  quiet,
  TrafficWorld,
} from './__testUtils__/trafficWorld';

jest.setTimeout(240_000);

const WINDOW_MS = 15_000;

describeOnCluster('A real Prometheus that scrapes the real Envoy', () => {
  let world: TrafficWorld;
  let prometheus: PrometheusServer | undefined;
  beforeAll(async () => {
    world = await openTrafficWorld();
    const missing = await missingForPrometheus();
    if (missing || !world.gatewayMetricsUrl) {
      const message = `A real Prometheus: needs ${
        missing ?? 'SLIPWAY_GATEWAY_METRICS'
      }`;
      if (process.env.SLIPWAY_REQUIRE_CLUSTER) {
        throw new Error(message);
      }
      // eslint-disable-next-line no-console
      console.warn(`SKIPPED ${message}`);
      return;
    }
    prometheus = await startPrometheus({
      scrape: [{ url: world.gatewayMetricsUrl, intervalSeconds: 1 }],
    });
  });
  afterAll(async () => {
    await prometheus?.close();
    await world?.close();
  });

  it('tells a bad canary from stable while both serve', async () => {
    if (!prometheus) {
      return;
    }
    const shop = await world.open();
    await shop.bring('stable');
    await shop.bring('canary', { behaviour: 'failing', failureRatio: 0.5 });
    await shop.bind();
    await shop.share({ stable: 50, canary: 50 });
    const labelsOf = createMetricLabels({ cluster: world.cluster });
    const provider = createPrometheusProvider({
      name: 'test',
      scrapeIntervalMs: 1_000,
      metrics: builtinMetrics('envoy'),
      client: createPrometheusClient({
        name: 'test',
        url: prometheus.url,
        headers: {},
      }),
    });
    const ask = async (metric: string, generation: string) => {
      const toMs = Date.now();
      const { outcome } = await provider.query(
        {
          target: shop.target,
          generation,
          metric,
          fromMs: toMs - WINDOW_MS,
          toMs,
          labels: await labelsOf(shop.target, generation, quiet),
        },
        quiet,
      );
      return outcome;
    };
    const value = async (metric: string, generation: string) => {
      const outcome = await ask(metric, generation);
      return outcome.type === 'value' && outcome.samples > 50 && outcome;
    };
    const { stop } = startLoad(world.gatewayUrl ?? '', {
      hostname: world.hostnameOf(shop.target),
    });
    const stable = await poll('stable is measured', () =>
      value('success-rate', 'stable'),
    );
    const canary = await poll('the canary is measured', () =>
      value('success-rate', 'canary'),
    );
    const latency = await poll('latency is measured', () =>
      value('latency-p95', 'stable'),
    );
    await stop();
    expect(stable.value).toBe(1);
    expect(canary.value).toBeGreaterThan(0.3);
    expect(canary.value).toBeLessThan(0.7);
    expect(latency.value).toBeGreaterThan(0);
    expect(await ask('success-rate', 'nobody')).toMatchObject({
      type: 'no-data',
    });
  });
});
