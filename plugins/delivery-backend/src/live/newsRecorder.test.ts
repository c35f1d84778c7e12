import { TestDatabases, mockServices } from '@backstage/backend-test-utils';
import { TimelineEvent } from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { CHECKOUT } from '../api/__testUtils__/testApi';
import { createTestStore } from '../store';
import { createNewsRecorder } from './newsRecorder';

jest.setTimeout(120_000);

const databases = TestDatabases.create({ ids: ['SQLITE_3'] });
const logger = mockServices.logger.mock();
const staging = { service: CHECKOUT, environment: 'staging' };

describe('what happened to instances by itself', () => {
  const news = (key: string, message = 'checkout-1 restarted') => ({
    key,
    target: staging,
    atMs: 1_000,
    type: 'instance-restarted',
    message,
    level: 'warning' as const,
    generation: 'g1',
  });

  it('is one entry of the timeline, however many backends saw it and however often', async () => {
    const store = await createTestStore(await databases.init('SQLITE_3'), {
      logger,
    });
    await store.targets.ensureMany([{ target: staging, tier: 'test' }]);
    const [one, other] = [1, 2].map(() =>
      createNewsRecorder({ store, logger }),
    );
    one(news('restart/uid/app/1'));
    other(news('restart/uid/app/1'));
    one(news('restart/uid/app/1'));
    other(news('restart/uid/app/2'));
    // Of a target that this portal does not have nothing is kept.
    one({
      ...news('restart/uid/app/3'),
      target: { ...staging, environment: 'elsewhere' },
    });
    const events = await poll('two entries', async () => {
      const found = await store.deployments.events({
        target: staging,
        limit: 10,
      });
      return found.length === 2 && found;
    });
    expect(events[0]).toMatchObject({
      type: 'instance-restarted',
      level: 'warning',
      ...staging,
    });
    await store.close();
  });

  it('stands on the page of what runs, also where it is no generation’s', async () => {
    const store = await createTestStore(await databases.init('SQLITE_3'), {
      logger,
    });
    const row = {
      target: staging,
      record: {
        draining: [],
        promoted: [],
        desired: { revision: 1, generations: [], shares: [] },
        stable: {
          generation: 'g1',
          planId: 'p1',
          releaseId: 'r1',
          deploymentId: 'd1',
          digests: {},
          replicas: 1,
        },
      },
    };
    const added: TimelineEvent[] = [];
    const record = createNewsRecorder({
      store: {
        targets: {
          ...store.targets,
          get: async () => ({ ...(await seeded()), ...row }),
        },
        deployments: {
          ...store.deployments,
          addEvents: async events => {
            added.push(...events);
          },
        },
      },
      logger,
    });
    await store.targets.ensureMany([{ target: staging, tier: 'test' }]);
    async function seeded() {
      const found = await store.targets.get(staging);
      if (!found) {
        throw new Error('There is no target');
      }
      return found;
    }
    const { generation: _, ...ofNobody } = news('event/uid/1');
    record(ofNobody);
    record({ ...news('restart/x'), generation: 'forgotten' });
    await poll('both', async () => added.length === 2);
    expect(added.map(({ deploymentId }) => deploymentId)).toEqual(['d1', 'd1']);
    await store.close();
  });

  it('does not let one target that keeps failing fill the timeline', async () => {
    const store = await createTestStore(await databases.init('SQLITE_3'), {
      logger,
    });
    await store.targets.ensureMany([{ target: staging, tier: 'test' }]);
    let nowMs = 0;
    const record = createNewsRecorder({ store, logger, clock: () => nowMs });
    for (let n = 0; n < 100; n += 1) {
      record(news(`restart/uid/app/${n}`));
    }
    nowMs += 61_000;
    record(news('later', 'the minute is over'));
    const events = await poll(
      'thirty, and the one of the next minute',
      async () => {
        const found = await store.deployments.events({
          target: staging,
          limit: 200,
        });
        return (
          found.some(({ message }) => message === 'the minute is over') &&
          found.length >= 31 &&
          found
        );
      },
    );
    expect(events).toHaveLength(31);
    await store.close();
  });
});
