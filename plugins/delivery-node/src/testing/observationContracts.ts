import {
  InstanceState,
  LogLine,
  Observed,
  TargetRef,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { LogProvider } from '../ports';
import {
  ConnectionHarness,
  ConnectionHarnessFactory,
  bringUp,
  quiet,
} from './connectionHarness';
import { poll } from './poll';

/**
 * What every `LiveSource` adapter promises.
 *
 * @public
 */
export function describeLiveSourceContract(
  name: string,
  createHarness: ConnectionHarnessFactory,
): void {
  describe(`${name} keeps the contract of LiveSource`, () => {
    let harness: ConnectionHarness;
    beforeAll(async () => {
      harness = await createHarness();
    });
    afterAll(async () => {
      await harness?.close();
    });

    it('tells what runs already, then every change, and is silent after its end', async () => {
      const target = harness.newTarget();
      const plan = await harness.plan(target, { version: 'one' });
      const wanted = { generation: 'one', plan, replicas: 1, revision: 1 };
      await bringUp(harness, target, wanted);

      const ended = new AbortController();
      const seen: Array<Observed<InstanceState[]>> = [];
      harness.connection.live.watch((of, state) => {
        if (stringifyTarget(of) === stringifyTarget(target)) {
          seen.push(state);
        }
      }, ended.signal);
      const ready = () => {
        const last = seen[seen.length - 1];
        return last && 'known' in last
          ? last.known.filter(instance => instance.ready).length
          : undefined;
      };
      await poll('what runs already', async () => ready() === 1);
      await bringUp(harness, target, { ...wanted, replicas: 2, revision: 2 });
      await poll('the second instance', async () => ready() === 2);
      const [last] = seen.slice(-1);
      expect(last).toMatchObject({ reflects: 2 });
      expect(
        'known' in last &&
          last.known.every(instance => instance.generation === 'one'),
      ).toBe(true);

      ended.abort();
      const before = seen.length;
      await bringUp(harness, target, { ...wanted, replicas: 1, revision: 3 });
      expect(seen).toHaveLength(before);
    });
  });
}

/**
 * What every `LogProvider` adapter promises.
 *
 * @public
 */
export function describeLogProviderContract(
  name: string,
  createHarness: ConnectionHarnessFactory,
): void {
  describe(`${name} keeps the contract of LogProvider`, () => {
    let harness: ConnectionHarness;
    beforeAll(async () => {
      harness = await createHarness();
    });
    afterAll(async () => {
      await harness?.close();
    });

    function provider(): LogProvider {
      const { logs } = harness.connection;
      if (!logs) {
        throw new Error('The connection has no log provider');
      }
      return logs;
    }

    async function readAll(target: TargetRef, limit: number) {
      const lines: LogLine[] = [];
      let after: string | undefined = '0';
      for (;;) {
        const chunk = await provider().read(
          { target, after, limit, waitMs: 0 },
          quiet,
        );
        if (chunk.lines.length === 0) {
          return { lines, after };
        }
        expect(chunk.lines.length).toBeLessThanOrEqual(limit);
        lines.push(...chunk.lines);
        after = chunk.nextOffset;
      }
    }

    it('reads in pages of any size without losing or repeating a line', async () => {
      const target = harness.newTarget();
      await bringUp(harness, target, {
        generation: 'one',
        plan: await harness.plan(target, { version: 'one' }),
        replicas: 1,
        revision: 1,
        shares: [{ generation: 'one', percent: 100 }],
      });
      for (let n = 0; n < 30; n += 1) {
        await harness.request(target);
      }
      await poll('the lines of thirty requests', async () => {
        return (await readAll(target, 1_000)).lines.length >= 30;
      });
      const whole = await readAll(target, 1_000);
      const pages = await readAll(target, 7);
      expect(pages.lines.slice(0, whole.lines.length)).toEqual(whole.lines);
      const [instance] = new Set(whole.lines.map(line => line.instance));
      const { lines } = await provider().read(
        { target, instance, after: '0', limit: 1_000, waitMs: 0 },
        quiet,
      );
      expect(new Set(lines.map(line => line.instance))).toEqual(
        new Set([instance]),
      );
    });

    it('waits for news, and no longer than it is asked to or until the signal', async () => {
      const target = harness.newTarget();
      await bringUp(harness, target, {
        generation: 'one',
        plan: await harness.plan(target, { version: 'one' }),
        replicas: 1,
        revision: 1,
        shares: [{ generation: 'one', percent: 100 }],
      });
      await harness.request(target);
      const { after } = await poll('quiet', async () => {
        const first = await readAll(target, 1_000);
        const second = await provider().read(
          { target, after: first.after, limit: 10, waitMs: 300 },
          quiet,
        );
        return second.lines.length === 0 && first;
      });
      const waiting = provider().read(
        { target, after, limit: 10, waitMs: 30_000 },
        quiet,
      );
      await harness.request(target);
      expect((await waiting).lines.length).toBeGreaterThan(0);

      const stopped = new AbortController();
      const endless = provider()
        .read(
          { target, limit: 1, after: '999999', waitMs: 30_000 },
          stopped.signal,
        )
        .then(
          () => 'ended',
          () => 'ended',
        );
      stopped.abort();
      await expect(endless).resolves.toBe('ended');
    });
  });
}

/**
 * What every `MetricProvider` of a connection promises.
 *
 * @public
 */
export function describeMetricProviderContract(
  name: string,
  createHarness: ConnectionHarnessFactory,
): void {
  describe(`${name} keeps the contract of MetricProvider`, () => {
    let harness: ConnectionHarness;
    beforeAll(async () => {
      harness = await createHarness();
    });
    afterAll(async () => {
      await harness?.close();
    });

    async function query(
      target: TargetRef,
      generation: string,
      metric: string,
    ) {
      const [provider] = harness.connection.metrics;
      const nowMs = Date.now();
      return provider.query(
        {
          target,
          generation,
          metric,
          fromMs: nowMs - 60_000,
          toMs: nowMs + 1_000,
        },
        quiet,
      );
    }

    it('has the metrics that every definition may ask for, with a description', () => {
      const metrics = harness.connection.metrics.flatMap(provider =>
        provider.metrics(),
      );
      expect(metrics).toEqual(
        expect.arrayContaining(
          [
            ['success-rate', 'ratio'],
            ['latency-p95', 'milliseconds'],
            ['request-count', 'count'],
          ].map(([metric, unit]) =>
            expect.objectContaining({
              name: metric,
              unit,
              description: expect.stringMatching(/\w/),
            }),
          ),
        ),
      );
    });

    it('tells no data from zero, and an unknown metric from both, without throwing', async () => {
      const target = harness.newTarget();
      const [provider] = harness.connection.metrics;
      for (const { name: metric } of provider.metrics()) {
        const answer = await query(target, 'nobody', metric);
        expect(answer.outcome.type).toBe('no-data');
        expect(answer.query).toMatch(/\w/);
      }
      await bringUp(harness, target, {
        generation: 'one',
        plan: await harness.plan(target, { version: 'one' }),
        replicas: 1,
        revision: 1,
      });
      expect(
        (await query(target, 'one', 'no-such-metric')).outcome,
      ).toMatchObject({
        type: 'error',
        message: expect.stringContaining('no-such-metric'),
      });
    });

    it('measures what flowed, with its samples', async () => {
      const target = harness.newTarget();
      await bringUp(harness, target, {
        generation: 'one',
        plan: await harness.plan(target, { version: 'one' }),
        replicas: 1,
        revision: 1,
        shares: [{ generation: 'one', percent: 100 }],
      });
      for (let n = 0; n < 50; n += 1) {
        await harness.request(target);
      }
      const { outcome } = await poll('fifty samples', async () => {
        const answer = await query(target, 'one', 'success-rate');
        return (
          answer.outcome.type === 'value' &&
          answer.outcome.samples >= 50 &&
          answer
        );
      });
      expect(outcome).toMatchObject({ type: 'value', value: 1, samples: 50 });
      const latency = await query(target, 'one', 'latency-p95');
      expect(
        latency.outcome.type === 'value' && latency.outcome.value,
      ).toBeGreaterThan(0);
    });
  });
}
