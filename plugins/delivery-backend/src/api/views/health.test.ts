import {
  MetricModel,
  Observed,
  TargetRecord,
  TrackMetrics,
  WorkloadsState,
} from '@slipway/backstage-plugin-delivery-common';
import { targetHealth } from './health';
import { steadyMetrics } from './rateHealth';

const STABLE = {
  generation: 'g1',
  planId: 'p1',
  releaseId: 'r1',
  deploymentId: 'd1',
  digests: {},
  replicas: 1,
};
const record: TargetRecord = {
  stable: STABLE,
  draining: [],
  promoted: [],
  desired: {
    revision: 1,
    generations: [
      { generation: 'g1', planId: 'p1', track: 'stable', replicas: 1 },
    ],
    shares: [{ generation: 'g1', percent: 100 }],
  },
};
const ready: Observed<WorkloadsState> = {
  known: {
    generations: [
      { generation: 'g1', planId: 'p1', wanted: 1, ready: 1, instances: [] },
    ],
  },
  observedAtMs: 1,
  reflects: 1,
};
const metric = (options: Partial<MetricModel>): MetricModel => ({
  name: 'success-rate',
  unit: 'ratio',
  minSamples: 50,
  noData: 'inconclusive',
  failureLimit: 0,
  consecutiveErrorLimit: 4,
  ...options,
});
const track = (options: Partial<TrackMetrics>): TrackMetrics => ({
  track: 'stable',
  generation: 'g1',
  windowMs: 60_000,
  requests: 400,
  ...options,
});
const health = (tracks: TrackMetrics[], metrics: MetricModel[]) =>
  targetHealth(record, undefined, ready, { tracks, metrics });

describe('the health of what runs', () => {
  it('is degraded by what does not work beside the instances, not by what is in the way, and not between two writes of a rollout', () => {
    const cause = (level: 'error' | 'warning', generation?: string) => ({
      code: 'service-selects-nothing',
      summary: `${level} of ${generation ?? 'all'}`,
      sinceMs: 1,
      level,
      ...(generation && { generation }),
    });
    const beside = {
      known: [cause('error'), cause('warning'), cause('error', 'other')],
      observedAtMs: 1,
      reflects: 1,
    };
    expect(targetHealth(record, undefined, ready, undefined, beside)).toEqual({
      status: 'degraded',
      causes: ['error of all'],
    });
    expect(
      targetHealth(record, undefined, ready, undefined, {
        unknown: 'lost',
        sinceMs: 1,
      }).status,
    ).toBe('healthy');
  });

  it('is degraded by a rate that breaks what the release is held to, and says which', () => {
    expect(
      health(
        [track({ successRatio: 0.939, latencyP95Ms: 250 })],
        [
          metric({ min: 0.99 }),
          metric({ name: 'latency-p95', unit: 'milliseconds', max: 300 }),
        ],
      ),
    ).toEqual({
      status: 'degraded',
      causes: [
        'The success rate was 93.9 % in the last 60 s (min 99 %; 400 requests)',
      ],
    });
    expect(
      health(
        [track({ latencyP95Ms: 800 })],
        [metric({ name: 'latency-p95', unit: 'milliseconds', max: 300 })],
      ).status,
    ).toBe('degraded');
  });

  it.each([
    ['nothing is measured', []],
    ['there is no value', [track({})]],
    ['there are too few samples', [track({ successRatio: 0, requests: 49 })]],
    ['it is not a number', [track({ successRatio: NaN })]],
    [
      'it is the canary that is bad',
      [track({ generation: 'g2', successRatio: 0 })],
    ],
  ])('is not made bad when %s', (_, tracks) => {
    expect(health(tracks, [metric({ min: 0.99 })])).toEqual({
      status: 'healthy',
      causes: [],
    });
  });

  it('holds a release to the least strict of its own thresholds', () => {
    const analysis = (metrics: MetricModel[]) => ({
      durationMs: 1,
      intervalMs: 1,
      extendMs: 1,
      metrics,
    });
    expect(
      steadyMetrics({
        type: 'canary',
        steps: [
          {
            type: 'analysis',
            analysis: analysis([metric({ min: 0.99, minSamples: 10 })]),
          },
        ],
        background: {
          ...analysis([
            metric({ min: 0.95, minSamples: 100 }),
            metric({ name: 'latency-p95', unit: 'milliseconds', max: 300 }),
          ]),
          startingStep: 0,
        },
        scaleDownDelayMs: 0,
        rollbackWindow: 0,
      }),
    ).toMatchObject([
      { name: 'success-rate', min: 0.95, minSamples: 100 },
      { name: 'latency-p95', max: 300 },
    ]);
    expect(
      steadyMetrics({
        type: 'rolling',
        maxSurge: { count: 1 },
        maxUnavailable: { count: 0 },
      }),
    ).toEqual([]);
  });
});
