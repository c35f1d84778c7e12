import fc from 'fast-check';
import { RequestMetrics } from './metrics';

const START_MS = 1_700_000_000_000;

function record(
  metrics: RequestMetrics,
  latenciesMs: number[],
  options: { atMs?: number; status?: number; generation?: string } = {},
) {
  const { atMs = START_MS, status = 200, generation = 'g' } = options;
  for (const latencyMs of latenciesMs) {
    metrics.record(generation, { atMs, status, latencyMs });
  }
}

describe('RequestMetrics', () => {
  it('knows every quantile within two percent', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.05, max: 60_000, noNaN: true }), {
          minLength: 1,
          maxLength: 300,
        }),
        fc.constantFrom(50, 95, 99),
        (latencies, percent) => {
          const metrics = new RequestMetrics();
          record(metrics, latencies);
          const outcome = metrics.query(
            'g',
            `latency-p${percent}`,
            START_MS,
            START_MS + 1,
          );
          const sorted = [...latencies].sort((a, b) => a - b);
          const exact = sorted[Math.ceil((percent / 100) * sorted.length) - 1];
          expect(outcome).toMatchObject({
            type: 'value',
            samples: latencies.length,
          });
          expect(outcome.type === 'value' && outcome.value / exact).toBeCloseTo(
            1,
            1,
          );
          expect(
            outcome.type === 'value' && Math.abs(outcome.value / exact - 1),
          ).toBeLessThan(0.021);
        },
      ),
    );
  });

  it('counts each request in exactly one of the windows that follow each other', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 59_999 }), { maxLength: 200 }),
        fc.array(fc.integer({ min: 0, max: 60_000 }), { maxLength: 10 }),
        (offsets, cuts) => {
          const metrics = new RequestMetrics();
          // In order of time, as a clock has it.
          for (const offset of [...offsets].sort((a, b) => a - b)) {
            record(metrics, [1], { atMs: START_MS + offset });
          }
          const borders = [0, ...[...cuts].sort((a, b) => a - b), 60_000];
          const counted = borders.slice(1).reduce((sum, border, i) => {
            const outcome = metrics.query(
              'g',
              'request-count',
              START_MS + borders[i],
              START_MS + border,
            );
            return sum + (outcome.type === 'value' ? outcome.value : 0);
          }, 0);
          expect(counted).toBe(offsets.length);
        },
      ),
    );
  });

  it('has no data without requests, which is not zero', () => {
    const metrics = new RequestMetrics();
    record(metrics, [1], { generation: 'other' });
    for (const metric of ['success-rate', 'latency-p95', 'request-count']) {
      expect(
        metrics.query('g', metric, START_MS, START_MS + 1_000),
      ).toMatchObject({ type: 'no-data' });
    }
  });

  it('counts answers of 500 and above as errors, others not', () => {
    const metrics = new RequestMetrics();
    record(metrics, [1, 1, 1], { status: 404 });
    record(metrics, [1], { status: 500 });
    const query = (metric: string) =>
      metrics.query('g', metric, START_MS, START_MS + 1_000);
    expect(query('success-rate')).toEqual({
      type: 'value',
      value: 0.75,
      samples: 4,
    });
    expect(query('error-rate')).toEqual({
      type: 'value',
      value: 0.25,
      samples: 4,
    });
  });

  it('forgets what is older than a quarter of an hour', () => {
    const metrics = new RequestMetrics();
    record(metrics, [1]);
    record(metrics, [1], { atMs: START_MS + 16 * 60_000 });
    expect(
      metrics.query('g', 'request-count', START_MS, START_MS + 60_000),
    ).toMatchObject({ type: 'no-data' });
  });
});
