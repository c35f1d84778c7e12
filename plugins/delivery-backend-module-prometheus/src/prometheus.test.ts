import { createServer, Server } from 'node:http';
import { AddressInfo } from 'node:net';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { MeasurementOutcome } from '@slipway/backstage-plugin-delivery-common';
import { createPrometheusClient } from './client';
import { createPrometheusProvider } from './provider';
import { builtinMetrics } from './sources';
import {
  missingForPrometheus,
  PrometheusServer,
  startPrometheus,
} from './testing';

jest.setTimeout(120_000);

const quiet = new AbortController().signal;
const target = {
  service: 'component:default/shop',
  environment: 'production',
};
/** A quiet hour, long ago enough for Prometheus to make blocks of it. */
const BEGIN_S = Math.floor(Date.now() / 1_000) - 6 * 3_600;
const SCRAPE_S = 15;
const BOUNDS = [25, 50, 100, 250, 500, 1_000];

/** A counter of Envoy that grows evenly, scraped for some minutes. */
function history(): string {
  const lines: string[] = [];
  const family = (
    name: string,
    series: Array<{ labels: string; perScrape: number; scrapes: number }>,
  ) => {
    lines.push(`# TYPE ${name} unknown`);
    for (const { labels, perScrape, scrapes } of series) {
      for (let n = 0; n < scrapes; n += 1) {
        lines.push(
          `${name}{${labels}} ${n * perScrape} ${BEGIN_S + n * SCRAPE_S}`,
        );
      }
    }
  };
  const envoy = (generation: string) =>
    `envoy_cluster_name="team_shop-${generation}_80"`;
  family('envoy_cluster_upstream_rq_xx', [
    {
      labels: `${envoy('good')},envoy_response_code_class="2"`,
      perScrape: 30,
      scrapes: 40,
    },
    {
      labels: `${envoy('bad')},envoy_response_code_class="2"`,
      perScrape: 27,
      scrapes: 40,
    },
    {
      labels: `${envoy('bad')},envoy_response_code_class="5"`,
      perScrape: 3,
      scrapes: 40,
    },
    {
      labels: `${envoy('idle')},envoy_response_code_class="2"`,
      perScrape: 0,
      scrapes: 40,
    },
    // The same name in another namespace, and one that only begins so.
    {
      labels:
        'envoy_cluster_name="other_shop-good_80",envoy_response_code_class="5"',
      perScrape: 100,
      scrapes: 40,
    },
    {
      labels:
        'envoy_cluster_name="team_shop-good-too_80",envoy_response_code_class="5"',
      perScrape: 100,
      scrapes: 40,
    },
    // Came only lately, and went away.
    {
      labels: `${envoy('gone')},envoy_response_code_class="2"`,
      perScrape: 30,
      scrapes: 20,
    },
  ]);
  family(
    'envoy_cluster_upstream_rq_time_bucket',
    // All take between 50 and 100 ms.
    [...BOUNDS.map(String), '+Inf'].map(le => ({
      labels: `${envoy('good')},le="${le}"`,
      perScrape: Number(le) < 100 ? 0 : 30,
      scrapes: 40,
    })),
  );
  return `${lines.join('\n')}\n# EOF\n`;
}

const suite = async () => {
  const missing = await missingForPrometheus();
  if (missing) {
    // eslint-disable-next-line no-console
    console.warn(`SKIPPED Metrics of a real Prometheus: needs ${missing}`);
  }
  return !missing;
};

describe('Metrics of a real Prometheus', () => {
  let present: boolean;
  let prometheus: PrometheusServer;
  let scraped: Server;
  let page = '';
  const endMs = (BEGIN_S + 39 * SCRAPE_S) * 1_000;

  beforeAll(async () => {
    present = await suite();
    if (!present) {
      return;
    }
    scraped = createServer((_, response) => {
      response.setHeader('content-type', 'text/plain; version=0.0.4');
      response.end(page);
    });
    await new Promise<void>(resolve => {
      scraped.listen(0, '127.0.0.1', resolve);
    });
    const { port } = scraped.address() as AddressInfo;
    prometheus = await startPrometheus({
      history: history(),
      scrape: [{ url: `http://127.0.0.1:${port}/metrics`, intervalSeconds: 1 }],
    });
  });
  afterAll(async () => {
    await prometheus?.close();
    scraped?.close();
  });

  async function ask(
    metric: string,
    generation: string,
    more: {
      toMs?: number;
      windowMs?: number;
      scrapeIntervalMs?: number;
      namespace?: string;
    } = {},
  ): Promise<MeasurementOutcome | 'skipped'> {
    if (!present) {
      return 'skipped';
    }
    const { toMs = endMs, windowMs = 300_000, namespace = 'team' } = more;
    const provider = createPrometheusProvider({
      name: 'test',
      scrapeIntervalMs: more.scrapeIntervalMs ?? SCRAPE_S * 1_000,
      client: createPrometheusClient({
        name: 'test',
        url: prometheus.url,
        headers: {},
      }),
      metrics: [
        ...builtinMetrics('envoy').filter(({ name }) => name !== 'latency-p99'),
        {
          name: 'latency-p99',
          unit: 'count',
          description: '',
          query:
            'count(envoy_cluster_upstream_rq_xx{envoy_cluster_name={{service}}})',
        },
      ],
    });
    const { outcome } = await provider.query(
      {
        target,
        generation,
        metric,
        fromMs: toMs - windowMs,
        toMs,
        labels: { namespace, service: `shop-${generation}` },
      },
      quiet,
    );
    return outcome;
  }

  function expectOutcome(
    actual: MeasurementOutcome | 'skipped',
    expected: object,
  ) {
    expect(actual === 'skipped' ? expected : actual).toMatchObject(expected);
  }

  it('are values of one generation, and of no other', async () => {
    const close = (value: number, digits = 3) => expect.closeTo(value, digits);
    expectOutcome(await ask('success-rate', 'good'), {
      type: 'value',
      value: 1,
      samples: 600,
    });
    expectOutcome(await ask('success-rate', 'bad'), {
      type: 'value',
      value: close(0.9),
      samples: 600,
    });
    expectOutcome(await ask('request-count', 'bad'), {
      type: 'value',
      value: close(600, 0),
    });
    expectOutcome(await ask('latency-p95', 'good'), {
      type: 'value',
      value: close(97.5, 1),
      samples: 600,
    });
  });

  it('tell nothing there, nothing asked, too few scrapes and late ones apart', async () => {
    const detail = (text: string) => ({
      type: 'no-data',
      detail: expect.stringContaining(text),
    });
    expectOutcome(
      await ask('success-rate', 'absent'),
      detail('nothing was scraped in the window'),
    );
    expectOutcome(await ask('success-rate', 'idle'), {
      type: 'no-data',
      detail: expect.stringMatching(/nothing to divide|not a number/),
    });
    expectOutcome(
      await ask('success-rate', 'good', {
        toMs: (BEGIN_S + 3 * SCRAPE_S) * 1_000,
      }),
      detail('partial: 4 of about 20 scrapes'),
    );
    expectOutcome(
      await ask('success-rate', 'good', { windowMs: 10_000 }),
      detail('too short for a scrape each 15 s'),
    );
    expectOutcome(
      await ask('success-rate', 'gone', {
        toMs: (BEGIN_S + 19 * SCRAPE_S + 120) * 1_000,
      }),
      detail('late: the newest scrape is 120 s older'),
    );
  });

  it('are asked for values as they are: a label cannot become a query', async () => {
    const evil = 'x"} or vector(1) or up{a="';
    expectOutcome(await ask('success-rate', 'good', { namespace: evil }), {
      type: 'no-data',
    });
    expectOutcome(await ask('latency-p99', evil), {
      type: 'no-data',
      detail: 'the query found no series',
    });
  });

  it('follow what is scraped now', async () => {
    const grow = (requests: number) => {
      page = `envoy_cluster_upstream_rq_xx{envoy_cluster_name="team_shop-now_80",envoy_response_code_class="2"} ${requests}\n`;
    };
    if (!present) {
      return;
    }
    let requests = 0;
    await poll('a value', async () => {
      requests += 5;
      grow(requests);
      const outcome = await ask('success-rate', 'now', {
        toMs: Date.now(),
        windowMs: 10_000,
        scrapeIntervalMs: 1_000,
      });
      return (
        outcome !== 'skipped' && outcome.type === 'value' && outcome.value === 1
      );
    });
  });
});
