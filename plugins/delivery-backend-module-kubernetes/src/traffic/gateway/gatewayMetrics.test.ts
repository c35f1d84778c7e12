import { createServer, Server } from 'node:http';
import { AddressInfo } from 'node:net';
import { ConfigReader } from '@backstage/config';
import { KubeObject } from '../../client';
import { gatewayApi } from './gatewayApi';
import { createEnvoyMetrics } from './gatewayMetrics';
import { LiveTraffic } from '../live';
import { readGatewayMetrics } from './readGatewayMetrics';

const quiet = new AbortController().signal;

function service(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name } };
}

const live = {
  namespace: 'team',
  services: [service('shop')],
  routes: [{ object: service('shop'), router: gatewayApi }],
  backends: {
    of: (name: string) => {
      const [, generation] = /^shop-(\w+)$/.exec(name) ?? [];
      return generation ? { main: 'shop', generation } : undefined;
    },
  },
} as LiveTraffic;

describe('What Envoys count', () => {
  let server: Server;
  let answer: { status: number; body: string; location?: string };
  let asked: string[];
  let url: URL;
  let nowMs = 0;

  beforeEach(async () => {
    asked = [];
    nowMs = 1_000_000;
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(
        answer.status,
        answer.location ? { location: answer.location } : {},
      );
      response.end(answer.body);
    });
    await new Promise<void>(resolve => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    url = new URL(`http://127.0.0.1:${port}/stats/prometheus`);
  });
  afterEach(async () => {
    await new Promise(resolve => server.close(resolve));
  });

  const counters = (counts: Record<string, number>) => ({
    status: 200,
    body: Object.entries(counts)
      .map(
        ([cluster, count]) =>
          `envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="${cluster}"} ${count}\n`,
      )
      .join(''),
  });

  it('are requests of the last minute by generation, whoever else asks', async () => {
    const metrics = createEnvoyMetrics({ urls: [url], clock: () => nowMs });
    answer = counters({ 'team_shop-a_80': 1_000, 'other_shop-a_80': 5 });
    expect(await metrics.measure(live, quiet)).toEqual({});
    nowMs += 10_000;
    answer = counters({
      'team_shop-a_80': 1_075,
      'team_shop-b_80': 20,
      'team_shop-b_9090': 5,
      'other_shop-a_80': 900,
      team_else_80: 7,
    });
    const results = await Promise.all(
      [1, 2, 3].map(() => metrics.measure(live, quiet)),
    );
    for (const result of results) {
      expect(result).toEqual({
        measured: {
          requests: 100,
          windowMs: 10_000,
          shares: [
            { generation: 'a', percent: 75 },
            { generation: 'b', percent: 25 },
          ],
        },
      });
    }
    expect(asked).toHaveLength(2);
    expect(asked[0]).toContain('upstream_rq_');
  });

  it('go on from 0 when an Envoy was started again', async () => {
    const metrics = createEnvoyMetrics({ urls: [url], clock: () => nowMs });
    answer = counters({ 'team_shop-a_80': 1_000 });
    await metrics.measure(live, quiet);
    nowMs += 5_000;
    answer = counters({ 'team_shop-a_80': 30 });
    expect(await metrics.measure(live, quiet)).toMatchObject({
      measured: { requests: 30 },
    });
  });

  it.each([
    ['answers with an error', { status: 503, body: 'no' }],
    [
      'sends us elsewhere',
      { status: 302, body: '', location: 'http://169.254.169.254/' },
    ],
  ])('are unknown, and never zero, when it %s', async (_, failing) => {
    const metrics = createEnvoyMetrics({ urls: [url], clock: () => nowMs });
    answer = failing;
    const result = await metrics.measure(live, quiet);
    expect(result.measured).toBeUndefined();
    expect(result.causes).toMatchObject([{ code: 'traffic-not-measured' }]);
  });

  it('tell whether Envoys hear their controller', async () => {
    const metrics = createEnvoyMetrics({ urls: [url] });
    const states = (cds: number, rds: number) => ({
      status: 200,
      body: `envoy_cluster_manager_cds_control_plane_connected_state{} ${cds}
envoy_http_rds_connected_state{envoy_rds_route_config="http-80.control_plane"} ${rds}
envoy_runtime_control_plane_connected_state{} 0
`,
    });
    answer = states(1, 1);
    expect(await metrics.follows(quiet)).toBe(true);
    answer = states(1, 0);
    expect(await metrics.follows(quiet)).toBe(false);
  });

  it('come only from plain addresses of the configuration', () => {
    const read = (address: string) =>
      readGatewayMetrics(
        new ConfigReader({
          delivery: {
            kubernetes: { gatewayMetrics: [{ cluster: 'one', url: address }] },
          },
        }),
      );
    expect(read('http://envoy:9001/stats/prometheus').get('one')).toHaveLength(
      1,
    );
    for (const wrong of ['file:///etc/passwd', 'envoy', 'http://a:b@envoy/']) {
      expect(() => read(wrong)).toThrow(
        /delivery\.kubernetes\.gatewayMetrics\[0\]\.url/,
      );
    }
  });
});
