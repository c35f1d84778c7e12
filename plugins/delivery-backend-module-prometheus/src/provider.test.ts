import { createServer } from 'node:http';
import { AddressInfo } from 'node:net';
import { http, HttpResponse, delay, passthrough } from 'msw';
import { setupServer } from 'msw/node';
import { ConfigReader } from '@backstage/config';
import { registerMswTestHooks } from '@backstage/backend-test-utils';
import { MeasurementOutcome } from '@slipway/backstage-plugin-delivery-common';
import { createPrometheusClient } from './client';
import { readPrometheusConfig } from './config';
import { createPrometheusProvider } from './provider';

jest.setTimeout(60_000);

const URL_OF = 'http://prometheus.test/base';
const API = `${URL_OF}/api/v1/query`;

const vector = (...values: string[]) =>
  HttpResponse.json({
    status: 'success',
    data: {
      resultType: 'vector',
      result: values.map((value, index) => ({
        metric: { code: String(index) },
        value: [1_700_000_000, value],
      })),
    },
  });

describe('Metrics of a Prometheus that is not as it should be', () => {
  const server = setupServer();
  registerMswTestHooks(server);

  function providerOf(more: object = {}) {
    const [config] = readPrometheusConfig(
      new ConfigReader({
        delivery: {
          prometheus: [
            {
              name: 'main',
              url: URL_OF,
              environments: ['production'],
              source: 'none',
              auth: { token: 'not-to-be-told' },
              headers: { 'X-Scope-OrgID': 'shop' },
              metrics: [
                {
                  name: 'errors',
                  unit: 'count',
                  description: 'Errors',
                  query: 'sum(errors{namespace={{namespace}}})',
                  samples: 'sum(requests{namespace={{namespace}}})',
                },
              ],
              ...more,
            },
          ],
        },
      }),
    );
    return createPrometheusProvider({
      ...config,
      client: createPrometheusClient(config),
    });
  }

  async function ask(
    answer: (query: string, request: Request) => Response | Promise<Response>,
    signal = new AbortController().signal,
  ): Promise<MeasurementOutcome> {
    server.use(
      http.post(API, async ({ request }) => {
        const form = new URLSearchParams(await request.clone().text());
        return answer(form.get('query') ?? '', request);
      }),
    );
    const { outcome } = await providerOf().query(
      {
        target: {
          service: 'component:default/shop',
          environment: 'production',
        },
        generation: 'g1',
        metric: 'errors',
        fromMs: 1_699_999_940_000,
        toMs: 1_700_000_000_000,
        labels: { namespace: 'team' },
      },
      signal,
    );
    return outcome;
  }

  it('asks as it was configured to, for the end of the window', async () => {
    const seen: string[] = [];
    expect(
      await ask(async (query, request) => {
        const form = new URLSearchParams(await request.text());
        seen.push(
          `${query} ${form.get('time')} ${request.headers.get(
            'authorization',
          )} ${request.headers.get('x-scope-orgid')}`,
        );
        return vector(query.includes('errors') ? '3' : '99.6');
      }),
    ).toEqual({ type: 'value', value: 3, samples: 100 });
    expect(seen).toContain(
      'sum(errors{namespace="team"}) 1700000000.000 Bearer not-to-be-told shop',
    );
  });

  it.each<[string, () => Response, Partial<MeasurementOutcome> & object]>([
    [
      'nothing',
      () => vector(),
      { type: 'no-data', detail: 'the query found no series' },
    ],
    [
      'NaN',
      () => vector('NaN'),
      { type: 'no-data', detail: expect.stringContaining('nothing to divide') },
    ],
    ['infinity', () => vector('+Inf'), { type: 'no-data' }],
    [
      'several numbers',
      () => vector('1', '2'),
      { type: 'error', message: expect.stringContaining('has to sum them up') },
    ],
    [
      'a matrix',
      () =>
        HttpResponse.json({
          status: 'success',
          data: { resultType: 'matrix', result: [] },
        }),
      { type: 'error', message: expect.stringContaining('matrix') },
    ],
    [
      'a part of the truth',
      () =>
        HttpResponse.json({
          status: 'success',
          warnings: ['store 2 is not there'],
          data: { resultType: 'vector', result: [] },
        }),
      { type: 'error', message: expect.stringContaining('partial: store 2') },
    ],
    [
      'that the query is wrong',
      () =>
        HttpResponse.json(
          { status: 'error', errorType: 'bad_data', error: 'parse error' },
          { status: 400 },
        ),
      { type: 'error', message: 'bad_data: parse error' },
    ],
    [
      'a page of a proxy',
      () => new HttpResponse('<html>502</html>', { status: 502 }),
      { type: 'error', message: expect.stringContaining('502 and no JSON') },
    ],
    [
      'that it is elsewhere',
      () =>
        new HttpResponse(undefined, {
          status: 302,
          headers: { location: 'http://169.254.169.254/' },
        }),
      { type: 'error' },
    ],
    [
      'no connection',
      () => HttpResponse.error(),
      { type: 'error', message: expect.stringContaining('did not answer') },
    ],
  ])('tells apart when it answers %s', async (_, answer, expected) => {
    const outcome = await ask(answer);
    expect(outcome).toMatchObject(expected);
    expect(JSON.stringify(outcome)).not.toContain('not-to-be-told');
  });

  it('does not read an answer without end', async () => {
    const endless = createServer((_, response) => {
      const more = () => {
        while (response.write('x'.repeat(64 * 1024))) {
          // As fast as the reader is.
        }
      };
      response.on('drain', more);
      more();
    });
    await new Promise<void>(resolve => {
      endless.listen(0, '127.0.0.1', resolve);
    });
    const { port } = endless.address() as AddressInfo;
    server.use(http.post(/^http:\/\/127\.0\.0\.1:/, () => passthrough()));
    const client = createPrometheusClient({
      name: 'main',
      url: new URL(`http://127.0.0.1:${port}`),
      headers: {},
    });
    await expect(
      client.query('up', Date.now(), new AbortController().signal),
    ).rejects.toThrow('more than 4194304 bytes');
    endless.closeAllConnections();
    await new Promise(resolve => endless.close(resolve));
  });

  it('gives up with its caller', async () => {
    const stopped = new AbortController();
    const outcome = ask(async () => {
      stopped.abort(new Error('stopped'));
      await delay(5_000);
      return vector('1');
    }, stopped.signal);
    await expect(outcome).rejects.toThrow('stopped');
  });

  it.each([
    [{ url: 'ftp://x' }, /delivery\.prometheus\[0\]\.url/],
    [{ url: 'http://user:pass@x' }, /without credentials/],
    [{ source: 'nginx' }, /expected one of envoy, istio, http, none/],
    [{ scrapeInterval: 'often' }, /a duration such as 15s/],
    [{ headers: { Host: 'other' } }, /"Host" cannot be set/],
    [
      { auth: { token: 'a', basic: { username: 'b', password: 'c' } } },
      /found both/,
    ],
    [
      {
        metrics: [
          { name: 'Bad Name', unit: 'count', description: '', query: 'a' },
        ],
      },
      /lower case/,
    ],
    [
      {
        metrics: [
          {
            name: 'a',
            unit: 'count',
            description: 'd',
            query: 'a{b="{{namespace}}"}',
          },
        ],
      },
      /delivery\.prometheus\[0\]\.metrics\[0\]: .*inside quotes/,
    ],
  ])(
    'says at its start what is wrong in its configuration: %j',
    (more, message) => {
      expect(() => providerOf(more)).toThrow(message);
    },
  );
});
