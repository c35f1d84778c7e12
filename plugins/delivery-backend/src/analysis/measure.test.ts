import {
  AnalysisRun,
  Measurement,
  MeasurementOutcome,
} from '@slipway/backstage-plugin-delivery-common';
import {
  MetricProvider,
  MetricQuery,
} from '@slipway/backstage-plugin-delivery-node';
import { measure } from './measure';
import { MOST_WINDOWS_AT_ONCE, nextMeasurementAtMs, REASKS } from './windows';

const RUN: AnalysisRun = {
  id: 'run',
  placement: 'step',
  analysis: {
    durationMs: 20_000,
    intervalMs: 5_000,
    extendMs: 10_000,
    metrics: [
      {
        name: 'success-rate',
        unit: 'ratio',
        min: 0.99,
        minSamples: 50,
        noData: 'inconclusive',
        failureLimit: 0,
        consecutiveErrorLimit: 3,
      },
    ],
  },
  candidate: 'v2',
  baseline: 'v1',
  startedAtMs: 100_000,
  deadlineMs: 130_000,
  status: 'running',
};
const TARGET = { service: 'component:default/checkout', environment: 'prod' };

/** A source that answers from a table, and remembers what it was asked. */
class TableProvider implements MetricProvider {
  readonly id = 'table';
  readonly asked: MetricQuery[] = [];
  answer: (
    query: MetricQuery,
    signal: AbortSignal,
  ) => Promise<MeasurementOutcome> = async () => ({
    type: 'value',
    value: 1,
    samples: 10,
  });

  metrics() {
    return [{ name: 'success-rate', unit: 'ratio' as const, description: '' }];
  }

  async query(query: MetricQuery, signal: AbortSignal) {
    this.asked.push(query);
    return { outcome: await this.answer(query, signal), query: 'rate(...)' };
  }
}

function ask(
  provider: MetricProvider,
  nowMs: number,
  measurements: Measurement[] = [],
  options: { run?: AnalysisRun; timeoutMs?: number; signal?: AbortSignal } = {},
) {
  return measure({
    runs: [options.run ?? RUN],
    target: TARGET,
    measurements,
    providers: [provider],
    nowMs,
    signal: options.signal ?? new AbortController().signal,
    timeoutMs: options.timeoutMs,
  });
}

describe('measure', () => {
  it('asks for every window that has ended, of candidate and baseline, once', async () => {
    const provider = new TableProvider();
    expect(await ask(provider, 104_000)).toEqual([]);
    const first = await ask(provider, 112_000);
    expect(first.map(m => [m.fromMs, m.toMs])).toEqual([
      [100_000, 105_000],
      [105_000, 110_000],
    ]);
    expect(first[0]).toMatchObject({
      analysisId: 'run',
      verdict: 'pass',
      query: 'rate(...)',
      baseline: { type: 'value' },
    });
    expect(provider.asked.map(q => q.generation).sort()).toEqual([
      'v1',
      'v1',
      'v2',
      'v2',
    ]);
    expect(await ask(provider, 113_000, first)).toEqual([]);
    expect(
      nextMeasurementAtMs({ runs: [RUN], measurements: first, nowMs: 113_000 }),
    ).toBe(115_000);
  });

  it('asks again for a window without data, a bounded number of times', async () => {
    const provider = new TableProvider();
    provider.answer = async () => ({ type: 'no-data' });
    let all: Measurement[] = [];
    for (let nowMs = 105_000; nowMs <= 300_000; nowMs += 1_000) {
      all = [...all, ...(await ask(provider, nowMs, all))];
    }
    const times = all.filter(m => m.fromMs === 100_000).length;
    expect(times).toBe(1 + REASKS);
    // Nothing after the deadline.
    expect(Math.max(...all.map(m => m.toMs))).toBe(130_000);
  });

  it.each<[string, TableProvider['answer'], RegExp]>([
    [
      'throws',
      async () => {
        throw new Error('HTTP 502');
      },
      /table: HTTP 502/,
    ],
    ['never answers', () => new Promise(() => {}), /no answer within/],
  ])(
    'a source that %s is an outcome, not an exception',
    async (_, answer, message) => {
      const provider = new TableProvider();
      provider.answer = answer;
      const [measurement] = await ask(provider, 105_000, [], { timeoutMs: 50 });
      expect(measurement).toMatchObject({
        verdict: 'error',
        outcome: { type: 'error', message: expect.stringMatching(message) },
      });
    },
  );

  it('NaN is no data, and says so', async () => {
    const provider = new TableProvider();
    provider.answer = async () => ({ type: 'value', value: NaN, samples: 0 });
    const [measurement] = await ask(provider, 105_000);
    expect(measurement).toMatchObject({
      verdict: 'inconclusive',
      outcome: { type: 'no-data', detail: 'the source answered NaN' },
    });
  });

  it('a metric that nobody knows is an error that names the known ones', async () => {
    const run = {
      ...RUN,
      analysis: {
        ...RUN.analysis,
        metrics: [{ ...RUN.analysis.metrics[0], name: 'happiness' }],
      },
    };
    const [measurement] = await ask(new TableProvider(), 105_000, [], { run });
    expect(measurement.outcome).toEqual({
      type: 'error',
      message:
        'No metric source of the environment knows "happiness"; known: success-rate',
    });
  });

  it('a caller that gives up gets no false errors', async () => {
    const provider = new TableProvider();
    const controller = new AbortController();
    provider.answer = () => {
      controller.abort();
      return new Promise(() => {});
    };
    expect(
      await ask(provider, 105_000, [], { signal: controller.signal }),
    ).toEqual([]);
  });

  it('a backlog is worked off in bounded pieces', async () => {
    const provider = new TableProvider();
    const run: AnalysisRun = { ...RUN, placement: 'background' };
    const first = await ask(provider, 10_000_000, [], { run });
    expect(first).toHaveLength(MOST_WINDOWS_AT_ONCE);
    expect(
      nextMeasurementAtMs({
        runs: [run],
        measurements: first,
        nowMs: 10_000_000,
      }),
    ).toBe(10_000_000);
  });

  it('nothing is measured for a run that was stopped', async () => {
    const run: AnalysisRun = { ...RUN, status: 'stopped' };
    expect(await ask(new TableProvider(), 200_000, [], { run })).toEqual([]);
    expect(
      nextMeasurementAtMs({ runs: [run], measurements: [], nowMs: 200_000 }),
    ).toBeUndefined();
  });
});
