import {
  TargetRef,
  TrafficRoute,
} from '@slipway/backstage-plugin-delivery-common';
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

    async function ask(
      target: TargetRef,
      requests: number,
      headers?: Record<string, string>,
    ) {
      const counts: Record<string, number> = {};
      for (let n = 0; n < requests; n += 1) {
        const { status, version = `status ${status}` } = await harness.request(
          target,
          { headers },
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

    /** Asks for the shares and routes until they are seen in force. */
    async function arrange(
      target: TargetRef,
      revision: number,
      canary: number,
      routes?: TrafficRoute[],
    ) {
      const { traffic } = harness.connection;
      const shares = [
        { generation: 'stable', percent: 100 - canary },
        { generation: 'canary', percent: canary },
      ].filter(({ percent }) => percent > 0);
      const fence = { epoch: 1, revision };
      await traffic.request(target, fence, shares, quiet, routes);
      const observed = await poll('our write is reflected', async () => {
        const now = await traffic.observe(target, quiet);
        return 'known' in now && now.reflects >= revision && now;
      });
      expect(observed.known.accepted).toEqual(shares);
      expect(observed.known.routes ?? []).toEqual(routes ?? []);
    }

    const byHeader: TrafficRoute = {
      type: 'headers',
      generation: 'canary',
      headers: [
        { name: 'x-canary', value: 'always' },
        { name: 'x-team', value: 'till' },
      ],
    };
    const always = { 'x-canary': 'always', 'X-Team': 'till' };

    it('sends requests with all of the headers to their generation, whatever the shares, until it is told otherwise', async () => {
      if (!harness.connection.traffic.capabilities().headers) {
        return;
      }
      const target = harness.newTarget();
      await pair(target);
      await arrange(target, 2, 0, [byHeader]);
      expect(await ask(target, 20, always)).toEqual({ canary: 20 });
      expect(await ask(target, 20)).toEqual({ stable: 20 });
      for (const others of [
        { 'x-canary': 'always' },
        { ...always, 'x-canary': 'sometimes' },
      ]) {
        expect(await ask(target, 10, others)).toEqual({ stable: 10 });
      }
      await arrange(target, 3, 25, [byHeader]);
      expect(await ask(target, 20, always)).toEqual({ canary: 20 });
      const { stable = 0 } = await ask(target, 100);
      expect(Math.abs(stable - 75)).toBeLessThanOrEqual(12);
      await arrange(target, 4, 0);
      expect(await ask(target, 20, always)).toEqual({ stable: 20 });
    });

    it('copies requests, and answers them as if there were no copies', async () => {
      const { mirror, mirrorShares = true } =
        harness.connection.traffic.capabilities();
      const { answered } = harness;
      if (!mirror || !answered) {
        return;
      }
      const target = harness.newTarget();
      await pair(target);
      const percent = mirrorShares ? 30 : 100;
      await arrange(target, 2, 0, [
        { type: 'mirror', generation: 'canary', percent },
      ]);
      const before = await answered(target, 'canary');
      expect(await ask(target, REQUESTS)).toEqual({ stable: REQUESTS });
      const wanted = (percent / 100) * REQUESTS;
      await arrange(target, 3, 0);
      // A copy may arrive a moment after its request was answered; when they
      // have ended, further requests add none.
      const copies = await poll('the copies have ended', async () => {
        const count = await answered(target, 'canary');
        expect(await ask(target, 20)).toEqual({ stable: 20 });
        return (await answered(target, 'canary')) === count && count - before;
      });
      expect(copies).toBeGreaterThanOrEqual(wanted * (mirrorShares ? 0.6 : 1));
      expect(copies).toBeLessThanOrEqual(wanted * (mirrorShares ? 1.4 : 1));
    });

    it('refuses routes that it cannot do', async () => {
      const { traffic } = harness.connection;
      const { headers, mirror, mirrorShares = mirror } = traffic.capabilities();
      const target = harness.newTarget();
      await pair(target);
      const cannot: TrafficRoute[] = [
        ...(headers ? [] : [byHeader]),
        ...(mirrorShares
          ? []
          : [{ type: 'mirror', generation: 'canary', percent: 30 } as const]),
      ];
      for (const route of cannot) {
        await expect(
          traffic.request(
            target,
            { epoch: 1, revision: 2 },
            [{ generation: 'stable', percent: 100 }],
            quiet,
            [route],
          ),
        ).rejects.toMatchObject({ name: 'InputError' });
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
        traffic.capabilities().headers
          ? [{ ...byHeader, generation: 'bad' }]
          : undefined,
      );
      expect(await ask(target, 20)).toEqual({ stable: 20 });
      expect(await ask(target, 20, always)).toEqual({ stable: 20 });
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
