import fc from 'fast-check';
import {
  AnalysisRun,
  Measurement,
  MeasurementOutcome,
  MetricModel,
} from '@slipway/backstage-plugin-delivery-common';
import { judge } from './judge';
import { verdictOfOutcome } from './thresholds';
import { REASKS } from './windows';

const SUCCESS: MetricModel = {
  name: 'success-rate',
  unit: 'ratio',
  min: 0.99,
  minSamples: 50,
  noData: 'inconclusive',
  failureLimit: 0,
  consecutiveErrorLimit: 3,
};
const LATENCY: MetricModel = {
  ...SUCCESS,
  name: 'latency-p95',
  unit: 'milliseconds',
  min: undefined,
  max: 300,
};

function runOf(
  metrics: MetricModel[],
  options: Partial<AnalysisRun['analysis']> & {
    placement?: AnalysisRun['placement'];
  } = {},
): AnalysisRun {
  const { placement = 'step', ...rest } = options;
  const analysis = {
    durationMs: 20_000,
    intervalMs: 5_000,
    extendMs: 20_000,
    ...rest,
    metrics,
  };
  return {
    id: 'run',
    placement,
    analysis,
    candidate: 'v2',
    baseline: 'v1',
    startedAtMs: 0,
    deadlineMs: analysis.durationMs + analysis.extendMs,
    status: 'running',
  };
}

function value(v: number, samples = 100): MeasurementOutcome {
  return { type: 'value', value: v, samples };
}

/** One measurement for each window, in order; `at` may repeat windows. */
function series(
  metric: MetricModel,
  outcomes: MeasurementOutcome[],
  intervalMs = 5_000,
): Measurement[] {
  return outcomes.map((outcome, index) => ({
    analysisId: 'run',
    metric: metric.name,
    atMs: (index + 1) * intervalMs,
    fromMs: index * intervalMs,
    toMs: (index + 1) * intervalMs,
    outcome,
    verdict: verdictOfOutcome(metric, outcome),
  }));
}

const NO_DATA: MeasurementOutcome = { type: 'no-data', detail: 'no requests' };
const ERROR: MeasurementOutcome = { type: 'error', message: 'HTTP 502' };

describe('judge (field notes 5.6)', () => {
  it('A01 passes after the duration with enough samples, and not before', () => {
    const run = runOf([SUCCESS]);
    const good = series(SUCCESS, Array(4).fill(value(0.999)));
    expect(
      judge({ run, measurements: good.slice(0, 3), nowMs: 15_000 }).verdict,
    ).toBeUndefined();
    // The last window has ended but was not asked for yet.
    expect(
      judge({ run, measurements: good.slice(0, 3), nowMs: 20_000 }).verdict,
    ).toBeUndefined();
    expect(judge({ run, measurements: good, nowMs: 20_000 })).toMatchObject({
      verdict: 'pass',
      reason: {
        message: 'success rate 99.9 % (min 99 %, 400 samples)',
      },
      metrics: [{ samples: 400, nearestFlip: 'would have failed below 99 %' }],
    });
  });

  it('A01 A10 fails as soon as it is certain, with value, limit and samples', () => {
    const run = runOf([SUCCESS]);
    const verdict = judge({
      run,
      measurements: series(SUCCESS, [value(0.939, 412)]),
      nowMs: 5_000,
    });
    expect(verdict).toMatchObject({
      verdict: 'fail',
      reason: {
        code: 'metric-failed',
        message: '6.1 % of canary requests failed (limit 1 %, 412 samples)',
        value: 0.939,
        threshold: { min: 0.99 },
        samples: 412,
      },
      metrics: [{ nearestFlip: 'would have passed from 99 %' }],
    });
  });

  it('says latency in its own words', () => {
    const verdict = judge({
      run: runOf([LATENCY]),
      measurements: series(LATENCY, [value(412.4, 80)]),
      nowMs: 5_000,
    });
    expect(verdict.reason?.message).toBe(
      '95th percentile latency of the canary is 412 ms (max 300 ms, 80 samples)',
    );
  });

  it('the thresholds themselves pass', () => {
    const run = runOf([SUCCESS, LATENCY]);
    const measurements = [
      ...series(SUCCESS, Array(4).fill(value(0.99, 33))),
      ...series(LATENCY, Array(4).fill(value(300, 33))),
    ];
    expect(judge({ run, measurements, nowMs: 20_000 }).verdict).toBe('pass');
  });

  it('one lost request in a window of few samples does not fail a good whole', () => {
    const run = runOf([SUCCESS]);
    const measurements = series(SUCCESS, [
      value(0.75, 4),
      value(1, 300),
      value(1, 300),
      value(1, 300),
    ]);
    expect(judge({ run, measurements, nowMs: 20_000 }).verdict).toBe('pass');
  });

  it('a long good past does not hide a bad present', () => {
    const run = runOf([SUCCESS], { placement: 'background' });
    const measurements = series(SUCCESS, [
      ...Array(200).fill(value(1, 1_000)),
      value(0.9, 1_000),
    ]);
    expect(judge({ run, measurements, nowMs: 2_000_000 })).toMatchObject({
      verdict: 'fail',
      reason: {
        message: '10 % of canary requests failed (limit 1 %, 1000 samples)',
      },
    });
  });

  it.each([
    [0, 'fail'],
    [1, 'fail'],
    [2, 'pass'],
  ])(
    'failureLimit %s with two failing windows: %s',
    (failureLimit, verdict) => {
      const metric = { ...SUCCESS, failureLimit };
      const measurements = series(metric, [
        value(0.9),
        value(0.9),
        value(1),
        value(1),
      ]);
      expect(
        judge({ run: runOf([metric]), measurements, nowMs: 20_000 }).verdict,
      ).toBe(verdict);
    },
  );

  it('A02 the worst of several metrics counts; a fail is not waited with', () => {
    const run = runOf([SUCCESS, LATENCY]);
    const good = series(SUCCESS, Array(4).fill(value(1)));
    expect(
      judge({
        run,
        measurements: [...good.slice(0, 1), ...series(LATENCY, [value(900)])],
        nowMs: 5_000,
      }).verdict,
    ).toBe('fail');
    expect(
      judge({
        run,
        measurements: [...good, ...series(LATENCY, Array(4).fill(ERROR))],
        nowMs: 20_000,
      }).verdict,
    ).toBe('error');
    expect(
      judge({
        run,
        measurements: [...good, ...series(LATENCY, Array(5).fill(NO_DATA))],
        nowMs: 25_000,
      }).verdict,
    ).toBe('inconclusive');
  });

  it('A04 a source that fails is an error after its limit in a row, never a fail', () => {
    const run = runOf([SUCCESS]);
    const errors = (n: number) => series(SUCCESS, Array(n).fill(ERROR));
    expect(
      judge({ run, measurements: errors(2), nowMs: 10_000 }).verdict,
    ).toBeUndefined();
    expect(
      judge({ run, measurements: errors(3), nowMs: 15_000 }),
    ).toMatchObject({
      verdict: 'error',
      reason: { code: 'metric-unreadable', evidence: 'HTTP 502' },
    });
    const recovered = series(SUCCESS, [ERROR, ERROR, value(1), value(1)]);
    expect(judge({ run, measurements: recovered, nowMs: 20_000 }).verdict).toBe(
      'pass',
    );
  });

  describe('A05 no data', () => {
    const verdictAt = (
      noData: MetricModel['noData'],
      nowMs: number,
      outcomes: MeasurementOutcome[],
    ) => {
      const metric = { ...SUCCESS, noData };
      return judge({
        run: runOf([metric]),
        measurements: series(metric, outcomes),
        nowMs,
      });
    };

    it('pass: passes after the duration', () => {
      expect(verdictAt('pass', 20_000, Array(4).fill(NO_DATA)).verdict).toBe(
        'pass',
      );
    });

    it('inconclusive: asks a person after the duration and one interval', () => {
      expect(
        verdictAt('inconclusive', 20_000, Array(4).fill(NO_DATA)).verdict,
      ).toBeUndefined();
      expect(
        verdictAt('inconclusive', 25_000, Array(5).fill(NO_DATA)),
      ).toMatchObject({
        verdict: 'inconclusive',
        reason: { message: expect.stringContaining('50 samples needed') },
      });
    });

    it('extend: keeps on measuring until the deadline, and takes what comes', () => {
      expect(
        verdictAt('extend', 35_000, Array(7).fill(NO_DATA)).verdict,
      ).toBeUndefined();
      expect(
        verdictAt('extend', 35_000, [...Array(6).fill(NO_DATA), value(1)])
          .verdict,
      ).toBe('pass');
      expect(verdictAt('extend', 40_000, Array(8).fill(NO_DATA)).verdict).toBe(
        'inconclusive',
      );
    });

    it('fail: fails once a window was asked for often enough', () => {
      const metric = { ...SUCCESS, noData: 'fail' as const };
      const [first] = series(metric, [NO_DATA]);
      const asked = (times: number): Measurement[] =>
        Array.from({ length: times }, (_, i) => ({
          ...first,
          atMs: first.atMs + i * 5_000,
        }));
      const run = runOf([metric]);
      expect(
        judge({ run, measurements: asked(REASKS), nowMs: 10_000 }).verdict,
      ).toBeUndefined();
      expect(
        judge({ run, measurements: asked(REASKS + 1), nowMs: 15_000 }),
      ).toMatchObject({
        verdict: 'fail',
        reason: { code: 'metric-no-data' },
      });
    });

    it.each([NaN, Infinity, -Infinity])(
      'a source that answers %s has no data, and says which',
      v => {
        const verdict = verdictAt(
          'inconclusive',
          25_000,
          Array(5).fill(value(v)),
        );
        expect(verdict).toMatchObject({
          verdict: 'inconclusive',
          reason: {
            message: expect.stringContaining(`the source answered ${v}`),
          },
        });
      },
    );

    it('late data counts when it comes', () => {
      const late = series(SUCCESS, Array(4).fill(NO_DATA));
      const came: Measurement[] = late.map(m => ({
        ...m,
        atMs: m.atMs + 5_000,
        outcome: value(1),
      }));
      const run = runOf([SUCCESS]);
      expect(
        judge({ run, measurements: late, nowMs: 20_000 }).verdict,
      ).toBeUndefined();
      expect(
        judge({ run, measurements: [...came, ...late], nowMs: 25_000 }).verdict,
      ).toBe('pass');
    });
  });

  it('A06 too few samples decide nothing: extended, then inconclusive, by the number', () => {
    const run = runOf([SUCCESS]);
    const few = (n: number) => series(SUCCESS, Array(n).fill(value(0.5, 4)));
    expect(judge({ run, measurements: few(4), nowMs: 20_000 })).toMatchObject({
      metrics: [{ samples: 16, nearestFlip: '34 samples more would decide' }],
    });
    expect(
      judge({ run, measurements: few(4), nowMs: 20_000 }).verdict,
    ).toBeUndefined();
    expect(judge({ run, measurements: few(8), nowMs: 40_000 })).toMatchObject({
      verdict: 'inconclusive',
      reason: {
        code: 'metric-too-few-samples',
        message: 'Too few samples for the success rate of the canary: 32 of 50',
        samples: 32,
      },
    });
  });

  it('a process that was away over the deadline measures first and judges then', () => {
    const run = runOf([SUCCESS]);
    expect(
      judge({ run, measurements: [], nowMs: 3_600_000 }).verdict,
    ).toBeUndefined();
    expect(
      judge({
        run,
        measurements: series(SUCCESS, Array(8).fill(value(1))),
        nowMs: 3_600_000,
      }).verdict,
    ).toBe('pass');
  });

  it('measurements of another run say nothing', () => {
    const measurements = series(SUCCESS, [value(0)]).map(m => ({
      ...m,
      analysisId: 'an earlier attempt',
    }));
    expect(
      judge({ run: runOf([SUCCESS]), measurements, nowMs: 5_000 }).verdict,
    ).toBeUndefined();
  });

  it('with nothing to measure it passes after the duration', () => {
    expect(
      judge({ run: runOf([]), measurements: [], nowMs: 20_000 }).verdict,
    ).toBe('pass');
  });
});

describe('judge, whatever is measured', () => {
  const outcome: fc.Arbitrary<MeasurementOutcome> = fc.oneof(
    fc.record({
      type: fc.constant('value' as const),
      value: fc.oneof(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(NaN, Infinity, 0.99, 1),
      ),
      samples: fc.integer({ min: 0, max: 500 }),
    }),
    fc.constant(NO_DATA),
    fc.constant(ERROR),
  );
  const metric: fc.Arbitrary<MetricModel> = fc.record({
    name: fc.constant('success-rate'),
    unit: fc.constantFrom('ratio' as const, 'count' as const),
    min: fc.option(fc.constantFrom(0.2, 0.99), { nil: undefined }),
    max: fc.option(fc.constantFrom(0.995, 1), { nil: undefined }),
    minSamples: fc.constantFrom(0, 1, 50, 400),
    noData: fc.constantFrom('inconclusive', 'pass', 'fail', 'extend'),
    failureLimit: fc.nat({ max: 3 }),
    consecutiveErrorLimit: fc.integer({ min: 1, max: 4 }),
  });
  const outcomes = fc.array(outcome, { maxLength: 8 });

  it('more failing samples never turn a fail into anything else', () => {
    fc.assert(
      fc.property(
        metric,
        outcomes,
        fc.array(
          fc.record({
            low: fc.boolean(),
            samples: fc.integer({ min: 1, max: 500 }),
          }),
          { minLength: 1, maxLength: 5 },
        ),
        (m, before, more) => {
          const run = runOf([m], { placement: 'background' });
          const nowMs = 5_000 * (before.length + more.length);
          const bad = more.flatMap(({ low, samples }) => {
            const side = low ? m.min : m.max;
            return side === undefined
              ? []
              : [value(low ? side - 0.1 : side + 0.1, samples)];
          });
          const first = judge({
            run,
            measurements: series(m, before),
            nowMs,
          });
          const second = judge({
            run,
            measurements: series(m, [...before, ...bad]),
            nowMs,
          });
          const turned = first.verdict === 'fail' && second.verdict !== 'fail';
          expect(turned).toBe(false);
        },
      ),
    );
  });

  it('nothing fails without enough samples, unless having no data is a failure', () => {
    fc.assert(
      fc.property(metric, outcomes, (m, all) => {
        const { verdict, metrics } = judge({
          run: runOf([m]),
          measurements: series(m, all),
          nowMs: 40_000,
        });
        const { samples } = metrics[0];
        const failsEarly =
          verdict === 'fail' && m.noData !== 'fail' && samples < m.minSamples;
        const passesEarly =
          verdict === 'pass' &&
          m.noData !== 'pass' &&
          samples < Math.max(1, m.minSamples);
        expect({ failsEarly, passesEarly }).toEqual({
          failsEarly: false,
          passesEarly: false,
        });
        expect(JSON.stringify(metrics)).not.toMatch(/NaN|null/);
      }),
    );
  });

  it('every run has a verdict once its deadline has passed and its windows were asked for', () => {
    fc.assert(
      fc.property(
        metric,
        fc.array(outcome, { minLength: 8, maxLength: 8 }),
        (m, all) => {
          expect(
            judge({
              run: runOf([m]),
              measurements: series(m, all),
              nowMs: 40_000,
            }).verdict,
          ).toBeDefined();
        },
      ),
    );
  });

  it('the order in which measurements arrive does not matter', () => {
    fc.assert(
      fc.property(
        metric,
        outcomes.chain(all =>
          fc.tuple(
            fc.constant(all),
            fc.shuffledSubarray(
              all.map((_, i) => i),
              { minLength: all.length },
            ),
          ),
        ),
        (m, [all, order]) => {
          const measurements = series(m, all);
          const ask = (list: Measurement[]) =>
            judge({ run: runOf([m]), measurements: list, nowMs: 40_000 });
          expect(ask(order.map(i => measurements[i]))).toEqual(
            ask(measurements),
          );
        },
      ),
    );
  });
});
