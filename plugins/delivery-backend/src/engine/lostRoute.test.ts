import { ConflictError } from '@backstage/errors';
import { stringifyTarget } from '@slipway/backstage-plugin-delivery-common';
import { createFixture, Fixture } from './testing/fixture';

jest.setTimeout(60_000);

const service = 'component:default/checkout';
const target = { service, environment: 'production' };

/*
 * What shares are written to is a shared object of the Plan. When somebody has
 * taken it away the traffic is unknown, and no write of shares can help.
 */
describe('a route that is gone in the middle of a canary', () => {
  let fixture: Fixture;
  afterEach(async () => {
    await fixture.close();
  });

  it('is brought back by the plan in force when a person takes over, before any share is written', async () => {
    fixture = await createFixture();
    await fixture.addService(service, ['old', 'new']);
    const actual = fixture.world.connection();
    const log: string[] = [];
    let isGone = false;
    const driver = fixture.driver({
      connections: new Map([
        [
          'production',
          {
            ...actual,
            objects: {
              async apply(_, fence, plan, phase) {
                log.push(`${phase} ${plan.releaseId}`);
                if (phase === 'promote' && fence.takeOver) {
                  isGone = false;
                }
              },
              async prune() {},
            },
            traffic: {
              ...actual.traffic,
              async request(...args) {
                if (isGone) {
                  throw new ConflictError('The route is not there any more');
                }
                log.push('shares');
                await actual.traffic.request(...args);
              },
              observe: async (...args) =>
                isGone
                  ? { unknown: 'The route is not there any more', sinceMs: 1 }
                  : await actual.traffic.observe(...args),
            },
          },
        ],
      ]),
    });
    const first = await driver.deploy({ ...target, releaseId: 'old' });
    await driver.ended(first.id);
    await driver.pass(2_000);
    const { id } = await driver.deploy({ ...target, releaseId: 'new' });
    await driver.until('it measures the canary', async () => {
      const row = await fixture.store.targets.get(target);
      return row?.record.desired.shares.length === 2;
    });

    isGone = true;
    log.length = 0;
    await driver.until('there is something to take over', async () => {
      const row = await fixture.store.targets.get(target);
      return row?.record.conflict !== undefined;
    });
    expect(log).toEqual([]);
    await fixture.store.commands.add({
      id: 'take-over',
      verb: 'take-over',
      subjectKind: 'target',
      subjectId: stringifyTarget(target),
      actor: { type: 'user', ref: 'user:default/ann' },
      createdAtMs: fixture.clock.nowMs,
    });
    await fixture.store.work.poke('target', stringifyTarget(target));
    const ended = await driver.ended(id);
    expect(ended).toMatchObject({ status: 'succeeded' });
    expect(log.slice(0, 2)).toEqual(['promote old', 'shares']);
    // Once: at the end the shared objects are the new one's.
    expect(log.filter(entry => entry === 'promote old')).toHaveLength(1);
    expect(log).toContain('promote new');
    expect(fixture.world.violations).toEqual([]);
  });
});
