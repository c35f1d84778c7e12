import { TestDatabases } from '@backstage/backend-test-utils';
import {
  Deployment,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { createTestStore } from './createStore';
import {
  STAGING,
  STAGING_ID,
  addShop,
  claimNow,
  deploymentRow,
  serviceRow,
} from './__fixtures__/rows';
import { LoadedTarget, TickSave } from './types';
import { DeliveryStore, Lease, LeaseLostError } from './types';

jest.setTimeout(120_000);

const databases = TestDatabases.create();
const COUNT = 100;

const targetOf = (n: number) => ({
  service: `component:default/service-${n}`,
  environment: 'staging',
});

describe.each(databases.eachSupportedId())(
  'looks at many targets on %s',
  databaseId => {
    async function open() {
      const knex = await databases.init(databaseId);
      const store = await createTestStore(knex);
      const { cursor: start } = await store.feed.read(undefined, 1);
      await store.services.upsertMany(
        Array.from({ length: COUNT }, (_, n) =>
          serviceRow({ ref: targetOf(n).service }),
        ),
      );
      await store.targets.ensureMany(
        Array.from({ length: COUNT }, (_, n) => ({
          target: targetOf(n),
          tier: 'staging',
        })),
      );
      for (let n = 0; n < COUNT; n += 1) {
        await store.deployments.create(
          deploymentRow({ id: `deployment-of-${n}`, ...targetOf(n) }),
        );
      }
      const leases = await store.work.claim({
        owner: 'one',
        limit: COUNT,
        leaseMs: 60_000,
        kinds: ['target'],
      });
      expect(leases).toHaveLength(COUNT);
      return { knex, store, leases, start };
    }

    async function load(
      store: DeliveryStore,
      lease: Lease,
    ): Promise<LoadedTarget> {
      const loaded = await store.ticks.load(lease);
      if (!loaded) {
        throw new Error(`${lease.id} is not there`);
      }
      return loaded;
    }

    /** What a look would write that found the deployment progressing. */
    function decided(lease: Lease, { row, open: waiting }: LoadedTarget) {
      const deployments = waiting.map(
        (deployment): Deployment => ({ ...deployment, status: 'progressing' }),
      );
      const id = deployments[0].id;
      const save: TickSave = {
        lease,
        row: {
          ...row,
          record: { ...row.record, desired: { ...row.record.desired } },
        },
        deployments,
        measurements: [
          {
            deploymentId: id,
            rowVersion: 1,
            rows: [
              {
                analysisId: 'a',
                metric: 'success-rate',
                atMs: 5,
                fromMs: 1,
                toMs: 5,
                outcome: { type: 'no-data' },
                verdict: 'inconclusive',
              },
            ],
          },
        ],
        evidence: [],
        events: [
          {
            id: `event-of-${id}`,
            atMs: 5,
            type: 'probe',
            // What a program may answer: PostgreSQL has no text for these two.
            message: `nul \0 half \ud83d whole 😀 \\u0000`,
            level: 'info',
            service: row.target.service,
            environment: row.target.environment,
            deploymentId: id,
          },
        ],
        news: [{ key: `${id}:told`, type: 'notification', payload: { id } }],
      };
      return save;
    }

    it('load and save each its own, whatever the order and the number', async () => {
      const { store, leases, knex, start } = await open();
      const before = await knex('feed').pluck('seq');
      const rows = await Promise.all(
        leases.map(async lease => {
          const loaded = await load(store, lease);
          expect(loaded.row).toEqual({
            ...(await store.targets.get(loaded.row.target)),
            epoch: lease.epoch,
          });
          expect(stringifyTarget(loaded.row.target)).toBe(lease.id);
          expect(loaded.open).toEqual(
            await store.deployments.open(loaded.row.target),
          );
          return await store.ticks.save(decided(lease, loaded));
        }),
      );
      for (const row of rows) {
        expect(await store.targets.get(row.target)).toEqual(row);
        const [deployment] = await store.deployments.open(row.target);
        expect(deployment).toMatchObject({
          status: 'progressing',
          rowVersion: 2,
        });
        await expect(
          store.deployments.measurements(deployment.id),
        ).resolves.toHaveLength(1);
        await expect(
          store.deployments.events({ deploymentId: deployment.id, limit: 9 }),
        ).resolves.toMatchObject([
          { message: `nul \ufffd half \ufffd whole 😀 \\u0000` },
        ]);
      }
      await expect(knex('outbox').pluck('key')).resolves.toHaveLength(COUNT);
      // Somebody else's transaction on this server may hold them back, the
      // entries of what was there before the look as well.
      const expected = before.length + 2 * COUNT;
      let told = 0;
      const end = Date.now() + 90_000;
      while (told < expected && Date.now() < end) {
        told = (await store.feed.read(start, 1_000)).entries.length;
      }
      expect(told).toBe(expected);
      await Promise.all(
        leases.map((lease, n) =>
          store.work.release(lease, n === 0 ? undefined : 1_000 + n),
        ),
      );
      const due = await knex('work_items')
        .where({ kind: 'target' })
        .orderBy('id')
        .select('id', 'due_at_ms', 'lease_owner');
      expect(due.map(({ lease_owner: owner }) => owner)).toEqual(
        leases.map(() => null),
      );
      expect(
        new Map(due.map(item => [item.id, item.due_at_ms && +item.due_at_ms])),
      ).toEqual(
        new Map(leases.map(({ id }, n) => [id, n === 0 ? null : 1_000 + n])),
      );
      await store.close();
    });

    it('what fails for one does not fail for the others', async () => {
      const { store, leases, knex } = await open();
      const loaded = await Promise.all(
        leases.map(async lease => await load(store, lease)),
      );
      // Another worker has one; a person put a hold on another; the deployment
      // of a third was written since.
      await knex('work_items')
        .where({ kind: 'target', id: leases[3].id })
        .update({ epoch: 99 });
      await store.targets.setHold(loaded[5].row.target, {
        reason: 'wait',
        by: { type: 'user', ref: 'user:default/ann' },
        sinceMs: 1,
      });
      await knex('deployments')
        .where({ id: loaded[7].open[0].id })
        .update({ row_version: 7 });
      const results = await Promise.allSettled(
        leases.map((lease, n) => store.ticks.save(decided(lease, loaded[n]))),
      );
      const failed = results.flatMap((result, n) =>
        result.status === 'rejected' ? [[n, result.reason.name]] : [],
      );
      expect(failed).toEqual([
        [3, 'LeaseLostError'],
        [5, 'VersionConflictError'],
        [7, 'VersionConflictError'],
      ]);
      for (const [n] of failed) {
        const { row } = loaded[n];
        const now = await store.targets.get(row.target);
        expect(now?.record).toEqual(row.record);
        expect(now?.rowVersion).toBe(n === 5 ? 2 : 1);
        const [deployment] = await store.deployments.open(row.target);
        expect(deployment.status).toBe('queued');
        await expect(
          store.deployments.events({ deploymentId: deployment.id, limit: 9 }),
        ).resolves.toEqual([]);
      }
      const ends = await Promise.allSettled(
        leases.map(lease => store.work.release(lease, undefined)),
      );
      expect(
        ends.flatMap((end, n) => (end.status === 'rejected' ? n : [])),
      ).toEqual([3]);
      await expect(store.work.release(leases[3], undefined)).rejects.toThrow(
        LeaseLostError,
      );
      await store.close();
    });

    it('a lease allows nothing but writes to its own target', async () => {
      const knex = await databases.init(databaseId);
      const store = await createTestStore(knex);
      await addShop(store);
      await store.deployments.create(deploymentRow());
      const lease = await claimNow(store, 'target', STAGING_ID);
      const save = decided(lease, await load(store, lease));
      await expect(
        store.ticks.save({
          ...save,
          row: {
            ...save.row,
            target: { ...STAGING, environment: 'production' },
          },
        }),
      ).rejects.toThrow(/does not allow a write/);
      await store.close();
    });
  },
);
