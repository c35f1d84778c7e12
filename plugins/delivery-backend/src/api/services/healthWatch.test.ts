import { mockServices } from '@backstage/backend-test-utils';
import { TargetView } from '@slipway/backstage-plugin-delivery-common';
import type { TargetRow } from '../../store';
import { HealthWatch } from './healthWatch';

const row = (environment: string, hasStable = true): TargetRow => ({
  target: { service: 'component:default/shop', environment },
  tier: environment,
  record: {
    draining: [],
    promoted: [],
    desired: { revision: 0, generations: [], shares: [] },
    ...(hasStable
      ? {
          stable: {
            generation: 'g',
            planId: 'p',
            releaseId: 'r',
            deploymentId: 'd',
            digests: {},
            replicas: 1,
          },
        }
      : {}),
  },
  rowVersion: 1,
  epoch: 1,
});

describe('the health watch', () => {
  const clock = { nowMs: 1_000_000 };
  const rows = [row('staging'), row('production'), row('idle', false)];
  const healths: Record<string, TargetView['health']> = {};

  function open() {
    return new HealthWatch({
      store: {
        targets: {
          list: async ({ cursor = '0' }) => ({
            items: [rows[Number(cursor)]],
            ...(Number(cursor) < rows.length - 1
              ? { nextCursor: `${Number(cursor) + 1}` }
              : {}),
          }),
        },
      },
      clock: () => clock.nowMs,
      logger: mockServices.logger.mock(),
    });
  }

  it('names what is degraded or has been unknown for a while, piece by piece, and forgets what is well again', async () => {
    const watch = open();
    const asked: string[] = [];
    const round = async () => {
      for (const _ of rows) {
        await watch.look(async ({ target }) => {
          asked.push(target.environment);
          return healths[target.environment];
        });
      }
    };
    healths.staging = { status: 'degraded', causes: ['too slow'] };
    healths.production = { status: 'unknown', causes: ['no route'] };
    await round();
    // Nothing runs in the third one, and a watch may just have started.
    expect(asked).toEqual(['staging', 'production']);
    expect(watch.targets()).toEqual(['component:default/shop@staging']);
    expect(watch.find(rows[0].target)).toEqual(healths.staging);

    clock.nowMs += 40_000;
    await round();
    expect(watch.targets()).toEqual([
      'component:default/shop@staging',
      'component:default/shop@production',
    ]);
    healths.staging = { status: 'healthy', causes: [] };
    healths.production = { status: 'progressing', causes: [] };
    await round();
    expect(watch.targets()).toEqual([]);
    expect(watch.find(rows[0].target)).toBeUndefined();
  });
});
