import { createHash } from 'node:crypto';
import { NotFoundError } from '@backstage/errors';
import { TestDatabases } from '@backstage/backend-test-utils';
import {
  Measurement,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { Plan } from '@slipway/backstage-plugin-delivery-node';
import {
  ALICE,
  PRODUCTION,
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

describe.each(databases.eachSupportedId())('records on %s', databaseId => {
  async function open() {
    const knex = await databases.init(databaseId);
    const store = await createTestStore(knex);
    await addShop(store);
    return { knex, store };
  }

  it('make one release however often it is asked for, and queue its work', async () => {
    const { store } = await open();
    const made = await Promise.all(
      Array.from({ length: 5 }, () =>
        store.releases.create(releaseRow({ idempotencyKey: 'push-1' })),
      ),
    );
    const ids = new Set(made.map(release => release.id));
    expect(ids.size).toBe(1);
    const [id] = ids;
    // Also by its id, as after an answer that got lost.
    await expect(store.releases.create(releaseRow({ id }))).resolves.toEqual(
      await store.releases.get(id),
    );
    const leases = await store.work.claim({
      owner: 'one',
      limit: 10,
      leaseMs: 1_000,
    });
    expect(leases).toEqual([
      expect.objectContaining({ kind: 'release', id, epoch: 1 }),
    ]);
    // A key is its service's own.
    await expect(
      store.releases.create(
        releaseRow({
          service: 'component:default/basket',
          idempotencyKey: 'push-1',
        }),
      ),
    ).resolves.not.toMatchObject({ id });
  });

  it('keep a release with its checkpoint, and list it without', async () => {
    const { store } = await open();
    const release = await store.releases.create(releaseRow());
    const lease = await claimNow(store, 'release', release.id);
    const saved = await store.releases.save(lease, {
      ...release,
      status: 'ready',
      checkpoint: { build: { layout: 'abc' } },
      definitionProblems: [
        { file: 'delivery.yaml', expected: 'a unit', found: '10' },
      ],
      findings: {
        counts: { critical: 1, high: 0, medium: 0, low: 0, unknown: 0 },
        blocking: 1,
        accepted: 0,
        notCovered: ['operating system packages'],
        scanner: 'embedded',
      },
    });
    expect(saved.rowVersion).toBe(2);
    await expect(store.releases.get(release.id)).resolves.toEqual(saved);
    await expect(store.releases.get('none')).resolves.toBeUndefined();

    const [listed] = (await store.releases.list({ service: SHOP })).items;
    expect(listed).toMatchObject({ id: release.id, rowVersion: 2 });
    expect(listed).not.toHaveProperty('checkpoint');

    const sha = release.commit.sha;
    const newer = await store.releases.create(
      releaseRow({ commit: release.commit, createdAtMs: 9_000_000 }),
    );
    const latest = await store.releases.latestForCommits(SHOP, [sha, 'other']);
    expect([...latest.keys()]).toEqual([sha]);
    expect(latest.get(sha)?.id).toBe(newer.id);
  });

  it('go on reading a log exactly where it ended', async () => {
    const { store } = await open();
    const lines = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({
        atMs: from + i,
        text: `line ${from + i}`,
      }));
    await store.releases.appendLog('r', 'build', lines(0, 1_200));
    await store.releases.appendLog('r', 'scan', lines(5_000, 1));
    const first = await store.releases.readLog('r', 'build', 0, 1_000);
    await store.releases.appendLog('r', 'build', [
      { atMs: 1_200, text: 'a\0b' },
    ]);
    const rest = await store.releases.readLog(
      'r',
      'build',
      first[first.length - 1].seq,
      1_000,
    );
    expect([...first, ...rest].map(line => line.text)).toEqual([
      ...lines(0, 1_200).map(line => line.text),
      'a\u2400b',
    ]);
  });

  it('find a build again by what went into it', async () => {
    const { store } = await open();
    const images = [
      {
        name: 'app',
        repository: 'shop/checkout',
        digest: `sha256:${'a'.repeat(64)}`,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        sizeBytes: 5,
      },
    ];
    await expect(store.releases.findBuild('inputs')).resolves.toBeUndefined();
    await store.releases.saveBuild('inputs', []);
    await store.releases.saveBuild('inputs', images);
    await expect(store.releases.findBuild('inputs')).resolves.toEqual({
      images,
    });
  });

  it('make one deployment however often it is asked for, wake its target, and keep the queue in order', async () => {
    const { store } = await open();
    const made = await Promise.all(
      Array.from({ length: 5 }, () =>
        store.deployments.create({
          ...deploymentRow(),
          idempotencyKey: 'click',
        }),
      ),
    );
    expect(new Set(made.map(deployment => deployment.id)).size).toBe(1);
    const first = made[0];
    const second = await store.deployments.create(deploymentRow());
    const production = await store.deployments.create(
      deploymentRow(PRODUCTION),
    );

    await expect(store.deployments.open(STAGING)).resolves.toEqual([
      first,
      second,
    ]);
    await expect(store.deployments.last(STAGING)).resolves.toEqual(second);

    const never = { service: 'component:default/never', environment: 'x' };
    const found = await store.deployments.ofTargets([
      STAGING,
      PRODUCTION,
      never,
    ]);
    expect(Object.fromEntries(found)).toEqual({
      [STAGING_ID]: { open: [first, second], last: second },
      [stringifyTarget(PRODUCTION)]: {
        open: [production],
        last: production,
      },
      [stringifyTarget(never)]: { open: [] },
    });

    const lease = await claimNow(store, 'target', STAGING_ID);
    const saved = await store.transaction(tx =>
      store.deployments.save(
        lease,
        { ...first, status: 'succeeded', outcome: 'succeeded', planId: 'p' },
        tx,
      ),
    );
    await expect(store.deployments.get(first.id)).resolves.toEqual(saved);
    await expect(store.deployments.open(STAGING)).resolves.toEqual([second]);
    await expect(
      store.deployments.create(
        deploymentRow({ service: 'component:default/unknown' }),
      ),
    ).rejects.toThrow(NotFoundError);
  });

  it('keep the record of a target whole', async () => {
    const { store } = await open();
    const deployment = await store.deployments.create(deploymentRow());
    const lease = await claimNow(store, 'target', STAGING_ID);
    const row = (await store.targets.get(STAGING))!;
    expect(row).toMatchObject({ rowVersion: 1, epoch: 1, tier: 'staging' });
    const record = { ...row.record, stable: roleOf(deployment) };
    const saved = await store.transaction(tx =>
      store.targets.save(lease, { ...row, record, foreignEpoch: 7 }, tx),
    );
    expect(saved).toMatchObject({ rowVersion: 2, foreignEpoch: 7, record });
    await expect(store.targets.get(STAGING)).resolves.toEqual(saved);
  });

  it('keep measurements and events once, in order', async () => {
    const { store } = await open();
    const deployment = await store.deployments.create(deploymentRow());
    const measurement = (analysisId: string, atMs: number): Measurement => ({
      analysisId,
      metric: 'success-rate',
      atMs,
      fromMs: atMs - 10,
      toMs: atMs,
      outcome: { type: 'value', value: 0.99, samples: 100 },
      verdict: 'pass',
    });
    const rows = [
      // Two windows of one look: the first is asked for again.
      { ...measurement('a', 30), fromMs: 10, toMs: 20 },
      measurement('a', 30),
      measurement('a', 10),
      measurement('b', 20),
    ];
    await store.deployments.addMeasurements(deployment.id, rows);
    await store.deployments.addMeasurements(deployment.id, rows);
    await expect(
      store.deployments.measurements(deployment.id),
    ).resolves.toEqual([rows[2], rows[3], rows[0], rows[1]]);
    await expect(
      store.deployments.measurements(deployment.id, 'b'),
    ).resolves.toEqual([rows[3]]);

    const event = (id: string, atMs: number) => ({
      id,
      atMs,
      type: 'weight-set',
      message: 'The canary gets 10 %',
      level: 'info' as const,
      ...STAGING,
      deploymentId: deployment.id,
      actor: ALICE,
    });
    const events = [event('x', 1), event('y', 2), event('z', 3)];
    await store.deployments.addEvents(events);
    await store.deployments.addEvents([event('y', 99)]);
    for (const options of [
      { deploymentId: deployment.id },
      { target: STAGING },
    ]) {
      await expect(
        store.deployments.events({ ...options, limit: 2 }),
      ).resolves.toEqual(events.slice(1));
    }
    await expect(
      store.deployments.events({ releaseId: 'other', limit: 2 }),
    ).resolves.toEqual([]);
  });

  it('give blobs and plans back as they were put, or say that they are damaged', async () => {
    const { knex, store } = await open();
    const bytes = Buffer.from([0, 255, 1, 254]);
    const digest = await store.blobs.put(bytes);
    expect(digest).toBe(
      `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
    );
    await expect(store.blobs.put(bytes)).resolves.toBe(digest);
    await expect(store.blobs.get(digest)).resolves.toEqual(bytes);
    await expect(
      store.blobs.get(`sha256:${'0'.repeat(64)}`),
    ).resolves.toBeUndefined();
    await expect(store.blobs.get('../../etc/passwd')).rejects.toThrow(
      /Invalid digest/,
    );

    const plan: Plan = {
      id: 'f'.repeat(64),
      target: STAGING,
      releaseId: 'release-1',
      objects: [
        { id: 'v1/Service/checkout', mediaType: 'application/yaml', bytes },
        {
          id: 'apps/v1/Deployment/checkout',
          mediaType: 'application/yaml',
          bytes: Buffer.from('kind: Deployment'),
        },
      ],
      images: { app: 'registry.example.com/app:1@sha256:abc' },
      replicas: 3,
      ignored: ['HorizontalPodAutoscaler: ignored'],
    };
    await store.plans.put(plan);
    await store.plans.put({ ...plan, replicas: 99 });
    await expect(store.plans.get(plan.id)).resolves.toEqual(plan);
    await expect(store.plans.get('none')).resolves.toBeUndefined();

    await knex('blobs')
      .where({ digest })
      .update({ bytes: Buffer.from('x') });
    await expect(store.blobs.get(digest)).rejects.toThrow(/are damaged/);
    await expect(store.plans.get(plan.id)).rejects.toThrow(/are damaged/);
  });

  it('do each effect of the outbox once, and again after a failure', async () => {
    let nowMs = 1_000;
    const store = await createTestStore(await databases.init(databaseId), {
      clock: () => nowMs,
    });
    const item = {
      key: 'k1',
      type: 'notify',
      payload: { title: 'Rolled back' },
    };
    await store.transaction(tx => store.outbox.add([item], tx));
    await store.transaction(tx => store.outbox.add([item], tx));
    await expect(store.outbox.claim('one', 10, 100)).resolves.toEqual([
      { ...item, attempts: 1 },
    ]);
    await expect(store.outbox.claim('two', 10, 100)).resolves.toEqual([]);
    // The worker was killed.
    nowMs = 1_100;
    await expect(store.outbox.claim('two', 10, 100)).resolves.toEqual([
      { ...item, attempts: 2 },
    ]);
    await store.outbox.retry(item.key, 2_000, 'connection refused');
    await expect(store.outbox.claim('two', 10, 100)).resolves.toEqual([]);
    nowMs = 2_000;
    await expect(store.outbox.claim('two', 10, 100)).resolves.toHaveLength(1);
    await store.outbox.done(item.key);
    nowMs = 9_000;
    await store.transaction(tx => store.outbox.add([item], tx));
    await expect(store.outbox.claim('two', 10, 100)).resolves.toEqual([]);
  });

  it('write down who did what, with the change or not at all', async () => {
    const { knex, store } = await open();
    const entry = {
      atMs: 1,
      actor: ALICE,
      verb: 'abort',
      subject: 'deployment-1',
      reason: 'it is bad',
      digests: ['sha256:abc'],
      outcome: 'accepted',
    };
    await store.audit(entry);
    await expect(
      store.transaction(async tx => {
        await store.audit(entry, tx);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await expect(knex('audit_log')).resolves.toEqual([
      expect.objectContaining({ actor_ref: ALICE.ref, reason: 'it is bad' }),
    ]);
  });

  it('belong to the transaction that surrounds the call, also when it is not passed on', async () => {
    const { store } = await open();
    const release = releaseRow();
    let digest = '';
    await expect(
      store.transaction(async () => {
        await store.releases.create(release);
        digest = await store.blobs.put(Buffer.from('in the transaction'));
        await store.transaction(async () => {
          await store.deployments.create(deploymentRow({ id: 'inner' }));
        });
        await expect(store.releases.get(release.id)).resolves.toBeDefined();
        throw new Error('undo it all');
      }),
    ).rejects.toThrow('undo it all');
    await expect(store.releases.get(release.id)).resolves.toBeUndefined();
    await expect(store.deployments.get('inner')).resolves.toBeUndefined();
    await expect(store.blobs.get(digest)).resolves.toBeUndefined();
  });

  it('outlive the transaction in which later work was started', async () => {
    const { store } = await open();
    let later: Promise<unknown> = Promise.resolve();
    let go = () => {};
    const started = new Promise<void>(resolve => {
      go = resolve;
    });
    await store.transaction(async () => {
      later = started.then(() =>
        store.releases.create(releaseRow({ id: 'late' })),
      );
    });
    go();
    await later;
    await expect(store.releases.get('late')).resolves.toBeDefined();
  });
});
