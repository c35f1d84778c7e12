import { TestDatabases } from '@backstage/backend-test-utils';
import {
  Deployment,
  TargetRecord,
} from '@slipway/backstage-plugin-delivery-common';
import {
  SHOP,
  STAGING,
  STAGING_ID,
  addShop,
  claimNow,
  deploymentRow,
  releaseRow,
  roleOf,
} from './__fixtures__/rows';
import { createTestStore } from './createStore';

jest.setTimeout(120_000);

const databases = TestDatabases.create();

const DAY = 24 * 60 * 60 * 1000;
const START = 1_000 * DAY;

describe.each(databases.eachSupportedId())('retention on %s', databaseId => {
  async function open() {
    const knex = await databases.init(databaseId);
    let nowMs = START;
    const store = await createTestStore(knex, { clock: () => nowMs });
    await addShop(store);
    return {
      knex,
      store,
      at(ms: number) {
        nowMs = ms;
      },
      clean: () => store.cleanup({ keepPerTarget: 3, keepDays: 14, nowMs }),
      /** One a day from START on: release, plan and deployment of a number. */
      async deliver(n: number, over: Partial<Deployment> = {}) {
        const atMs = START + n * DAY;
        const bytes = Buffer.from(`object ${n}`);
        const blob = await store.blobs.put(Buffer.from(`findings ${n}`));
        await store.releases.create(
          releaseRow({
            id: `release-${n}`,
            createdAtMs: atMs,
            finishedAtMs: atMs,
            status: 'ready',
            findingsBlob: blob,
          }),
        );
        await store.releases.appendLog(`release-${n}`, 'build', [
          { atMs, text: 'built' },
        ]);
        await store.plans.put({
          id: `plan-${n}`,
          target: STAGING,
          releaseId: `release-${n}`,
          objects: [{ id: 'o', mediaType: 'text/plain', bytes }],
          images: {},
          replicas: 1,
          ignored: [],
        });
        const deployment = await store.deployments.create(
          deploymentRow({
            id: `deployment-${n}`,
            releaseId: `release-${n}`,
            planId: `plan-${n}`,
            createdAtMs: atMs,
            finishedAtMs: atMs,
            status: 'succeeded',
            ...over,
          }),
        );
        await store.deployments.addMeasurements(deployment.id, [
          {
            analysisId: 'a',
            metric: 'success-rate',
            atMs,
            fromMs: 0,
            toMs: 1,
            outcome: { type: 'no-data' },
            verdict: 'inconclusive',
          },
        ]);
        await store.deployments.addEvents([
          {
            id: `event-${n}`,
            atMs,
            type: 'deployment-started',
            message: 'Started',
            level: 'info',
            ...STAGING,
            deploymentId: deployment.id,
            releaseId: `release-${n}`,
          },
        ]);
        return deployment;
      },
    };
  }

  it('keeps what is new, what is open, what serves and what can be gone back to', async () => {
    const { knex, store, at, deliver, clean } = await open();
    const made: Deployment[] = [];
    for (let n = 0; n < 40; n++) {
      made.push(
        await deliver(
          n,
          n === 1 ? { status: 'paused', finishedAtMs: undefined } : {},
        ),
      );
    }
    const lease = await claimNow(store, 'target', STAGING_ID);
    const row = (await store.targets.get(STAGING))!;
    const record: TargetRecord = {
      ...row.record,
      stable: roleOf(made[3], 'plan-3'),
      draining: [{ ...roleOf(made[5], 'plan-5'), removeAtMs: 1 }],
      promoted: [
        { releaseId: 'release-3', planId: 'plan-3', generation: 'g3', atMs: 3 },
        { releaseId: 'release-7', planId: 'plan-7', generation: 'g7', atMs: 2 },
      ],
    };
    await store.transaction(tx =>
      store.targets.save(lease, { ...row, record }, tx),
    );

    // Day 50: the youngest fortnight begins at day 36.
    at(START + 50 * DAY);
    const { deleted } = await clean();

    const kept = [1, 3, 5, 7, 36, 37, 38, 39];
    const numbersOf = async (table: string, column: string, prefix: string) => {
      const values: string[] = await knex(table).distinct().pluck(column);
      return values
        .map(value => Number(value.replace(prefix, '')))
        .sort((a, b) => a - b);
    };
    await expect(
      numbersOf('deployments', 'id', 'deployment-'),
    ).resolves.toEqual(kept);
    await expect(numbersOf('releases', 'id', 'release-')).resolves.toEqual(
      kept,
    );
    await expect(
      numbersOf('measurements', 'deployment_id', 'deployment-'),
    ).resolves.toEqual(kept);
    await expect(numbersOf('events', 'id', 'event-')).resolves.toEqual(kept);
    await expect(
      numbersOf('release_logs', 'release_id', 'release-'),
    ).resolves.toEqual(kept);
    // Plans were all put at START by the clock of this test.
    await expect(numbersOf('plans', 'id', 'plan-')).resolves.toEqual(kept);
    for (const n of kept) {
      await expect(store.plans.get(`plan-${n}`)).resolves.toBeDefined();
      const release = await store.releases.get(`release-${n}`);
      await expect(
        store.blobs.get(release!.findingsBlob!),
      ).resolves.toBeDefined();
    }
    expect(deleted).toMatchObject({
      deployments: 32,
      releases: 32,
      plans: 32,
      measurements: 32,
      events: 32,
      release_logs: 32,
      blobs: 64,
      work_items: 32,
    });
    await expect(clean()).resolves.toEqual({
      deleted: expect.not.objectContaining({ deployments: expect.anything() }),
    });
  });

  it('keeps the last ones of a target that rests, however old', async () => {
    const { store, at, deliver, clean } = await open();
    for (let n = 0; n < 6; n++) {
      await deliver(n);
    }
    at(START + 1_000 * DAY);
    await clean();
    const left = await store.deployments.list({});
    expect(left.items.map(item => item.id)).toEqual([
      'deployment-5',
      'deployment-4',
      'deployment-3',
    ]);
    expect((await store.releases.list({ service: SHOP })).items).toHaveLength(
      3,
    );
  });

  it('never takes a blob that is about to be used', async () => {
    const { store, at, clean } = await open();
    const forgotten = await store.blobs.put(Buffer.from('forgotten'));
    const reused = await store.blobs.put(Buffer.from('reused'));
    at(START + 10 * DAY);
    await store.blobs.put(Buffer.from('reused'));
    await clean();
    await expect(store.blobs.get(forgotten)).resolves.toBeUndefined();
    await expect(store.blobs.get(reused)).resolves.toBeDefined();
    // What the checkpoint of a release in the making names is used.
    await store.releases.create(
      releaseRow({
        status: 'running',
        checkpoint: { scan: { report: reused } },
      }),
    );
    at(START + 90 * DAY);
    await clean();
    await expect(store.blobs.get(reused)).resolves.toBeDefined();
  });

  it('deletes at most a thousand rows in a statement', async () => {
    const { knex, store, at, clean } = await open();
    await store.transaction(async tx => {
      for (let n = 0; n < 25; n++) {
        await store.outbox.add(
          Array.from({ length: 100 }, (_, i) => ({
            key: `${n}-${i}`,
            type: 't',
            payload: {},
          })),
          tx,
        );
      }
    });
    await knex('outbox').update({ done_at_ms: START, due_at_ms: null });
    at(START + 20 * DAY);
    const counts: number[] = [];
    knex.on('query-response', (response, query) => {
      if (/^delete/i.test(query.sql)) {
        counts.push(Number(query.response?.rowCount ?? response ?? 0));
      }
    });
    await expect(clean()).resolves.toMatchObject({ deleted: { outbox: 2500 } });
    expect(Math.max(...counts)).toBe(1000);
  });
});
