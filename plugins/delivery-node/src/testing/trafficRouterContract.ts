import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import {
  ConnectionHarness,
  ConnectionHarnessFactory,
  bringUp,
  quiet,
} from './connectionHarness';
import { poll } from './poll';

const REQUESTS = 200;

/**
 * What every `TrafficRouter` adapter promises the engine.
 *
 * @public
 */
export function describeTrafficRouterContract(
  name: string,
  createHarness: ConnectionHarnessFactory,
): void {
  describe(`${name} keeps the contract of TrafficRouter`, () => {
    let harness: ConnectionHarness;
    beforeAll(async () => {
      harness = await createHarness();
    });
    afterAll(async () => {
      await harness?.close();
    });

    async function pair(target: TargetRef) {
      for (const version of ['stable', 'canary']) {
        await bringUp(harness, target, {
          generation: version,
          plan: await harness.plan(target, { version }),
          replicas: 1,
          revision: 1,
          track: version,
        });
      }
    }

    async function ask(target: TargetRef, requests: number) {
      const counts: Record<string, number> = {};
      for (let n = 0; n < requests; n += 1) {
        const { status, version = `status ${status}` } = await harness.request(
          target,
        );
        counts[version] = (counts[version] ?? 0) + 1;
      }
      return counts;
    }

    it('takes shares, says what it took, and lets traffic flow so', async () => {
      const { traffic } = harness.connection;
      const target = harness.newTarget();
      await pair(target);
      const steps = traffic.capabilities().weights ? [0, 25, 100] : [0, 100];
      for (const [index, percent] of steps.entries()) {
        const shares = [
          { generation: 'stable', percent: 100 - percent },
          { generation: 'canary', percent },
        ].filter(share => share.percent > 0);
        const revision = 2 + index;
        await traffic.request(target, { epoch: 1, revision }, shares, quiet);
        const observed = await poll('our write is reflected', async () => {
          const now = await traffic.observe(target, quiet);
          return 'known' in now && now.reflects >= revision && now;
        });
        expect(
          observed.known.accepted.filter(share => share.percent > 0),
        ).toEqual(shares);
        const counts = await ask(target, REQUESTS);
        const canary = ((counts.canary ?? 0) / REQUESTS) * 100;
        expect(Math.abs(canary - percent)).toBeLessThanOrEqual(
          percent % 100 === 0 ? 0 : 8,
        );
      }
      if (traffic.capabilities().measures) {
        const observed = await traffic.observe(target, quiet);
        expect('known' in observed && observed.known.measured).toMatchObject({
          requests: expect.any(Number),
          windowMs: expect.any(Number),
        });
      }
    });

    it('gives nothing to a generation that has nothing ready', async () => {
      const { traffic, workloads } = harness.connection;
      const target = harness.newTarget();
      await bringUp(harness, target, {
        generation: 'stable',
        plan: await harness.plan(target, { version: 'stable' }),
        replicas: 1,
        revision: 1,
      });
      const plan = await harness.plan(target, {
        version: 'bad',
        behaviour: 'never-ready',
      });
      await workloads.ensure(
        target,
        { epoch: 1, revision: 2 },
        { generation: 'bad', plan, track: 'canary', replicas: 1 },
        quiet,
      );
      await traffic.request(
        target,
        { epoch: 1, revision: 3 },
        [
          { generation: 'stable', percent: 50 },
          { generation: 'bad', percent: 50 },
        ],
        quiet,
      );
      expect(await ask(target, 20)).toEqual({ stable: 20 });
    });

    it('refuses an older epoch where it declares that it can compare', async () => {
      const { traffic } = harness.connection;
      if (traffic.fencing !== 'compare-and-set') {
        return;
      }
      const target = harness.newTarget();
      await bringUp(harness, target, {
        generation: 'stable',
        plan: await harness.plan(target, { version: 'stable' }),
        replicas: 1,
        revision: 1,
        epoch: 3,
        shares: [{ generation: 'stable', percent: 100 }],
      });
      await expect(
        traffic.request(target, { epoch: 2, revision: 2 }, [], quiet),
      ).rejects.toMatchObject({ name: 'StaleEpochError', theirs: 3 });
      expect(await ask(target, 3)).toEqual({ stable: 3 });
    });
  });
}
