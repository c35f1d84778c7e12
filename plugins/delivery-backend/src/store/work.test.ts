import { TestDatabases } from '@backstage/backend-test-utils';
import { createTestStore } from './createStore';
import {
  PRODUCTION,
  STAGING,
  STAGING_ID,
  addShop,
  claimNow,
  deploymentRow,
  releaseRow,
} from './__fixtures__/rows';
import { LeaseLostError, VersionConflictError } from './types';

jest.setTimeout(120_000);

const databases = TestDatabases.create();

describe.each(databases.eachSupportedId())('work items on %s', databaseId => {
  async function open() {
    const knex = await databases.init(databaseId);
    let nowMs = 1_000_000;
    const store = await createTestStore(knex, { clock: () => nowMs });
    await addShop(store);
    return {
      knex,
      store,
      at(ms: number) {
        nowMs = ms;
      },
      claim: (owner: string, limit = 10, leaseMs = 1_000) =>
        store.work.claim({ owner, limit, leaseMs, kinds: ['target'] }),
    };
  }

  it('hands out what is due, oldest first, and raises the epoch', async () => {
    const { store, claim, at } = await open();
    await expect(claim('one')).resolves.toEqual([]);

    await store.work.poke('target', 'late', { atMs: 1_000_300 });
    await store.work.poke('target', 'early', { atMs: 1_000_100 });
    await store.work.poke('target', 'future', { atMs: 5_000_000 });
    at(1_000_500);

    const leases = await claim('one');
    expect(leases).toEqual([
      {
        kind: 'target',
        id: 'early',
        owner: 'one',
        epoch: 1,
        leaseUntilMs: 1_001_500,
        dueAtMs: 1_000_100,
      },
      expect.objectContaining({ id: 'late', epoch: 1 }),
    ]);
    await expect(claim('two')).resolves.toEqual([]);
    await store.work.release(leases[0], 1_000_500);
    await expect(claim('two')).resolves.toEqual([
      expect.objectContaining({ id: 'early', owner: 'two', epoch: 2 }),
    ]);
  });

  it('never hands an item to two workers that claim at once', async () => {
    const { store, claim } = await open();
    for (let i = 0; i < 40; i++) {
      await store.work.poke('target', `item-${i}`);
    }
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, i) => claim(`worker-${i}`, 7)),
    );
    const rest = await claim('worker-last', 100);
    const ids = [...claims.flat(), ...rest].map(lease => lease.id);
    expect(ids).toHaveLength(40);
    expect(new Set(ids).size).toBe(40);
  });

  it('wakes only what nothing else would wake', async () => {
    const { store, claim } = await open();
    await store.work.poke('target', 'timed', { atMs: 9_000_000 });
    await store.work.poke('target', 'claimed');
    const [claimed] = await claim('one');
    expect(claimed.id).toBe('claimed');

    const all = [STAGING_ID, 'timed', 'claimed', 'never seen'];
    const woken = await store.work.wakeSleeping('target', all);
    expect(woken.sort()).toEqual([STAGING_ID, 'never seen'].sort());
    const due = await claim('two');
    expect(due.map(({ id }) => id).sort()).toEqual(woken);
    await expect(store.work.wakeSleeping('target', [])).resolves.toEqual([]);
  });

  it('gives many leases back at once and tells of each that is lost', async () => {
    const { store, claim, at } = await open();
    for (let i = 0; i < 20; i++) {
      await store.work.poke('target', `item-${i}`);
    }
    const leases = await claim('one', 20);
    at(1_002_000);
    const [stolen] = await claim('two', 1);
    const results = await Promise.allSettled(
      leases.map(lease => store.work.release(lease, 5_000_000)),
    );
    expect(results.map(({ status }) => status)).toEqual(
      leases.map(({ id }) => (id === stolen.id ? 'rejected' : 'fulfilled')),
    );
    expect(results).toContainEqual({
      status: 'rejected',
      reason: expect.any(LeaseLostError),
    });
    at(4_999_500);
    await expect(claim('three', 30)).resolves.toEqual([
      expect.objectContaining({ id: stolen.id, epoch: 3 }),
    ]);
    at(5_000_000);
    await expect(claim('three', 30)).resolves.toHaveLength(19);
  });

  it('keeps a poke that came while the item was claimed', async () => {
    const { store, claim } = await open();
    await store.work.poke('target', STAGING_ID);
    const [first] = await claim('one');
    await store.work.poke('target', STAGING_ID);
    await store.work.release(first, undefined);

    const [second] = await claim('one');
    expect(second).toMatchObject({ id: STAGING_ID, epoch: 2 });
    await store.work.release(second, undefined);
    await expect(claim('one')).resolves.toEqual([]);
  });

  it('wakes at the earlier of two times', async () => {
    const { store, claim, at } = await open();
    await store.work.poke('target', STAGING_ID);
    const [lease] = await claim('one');
    await store.work.poke('target', STAGING_ID, { atMs: 1_002_000 });
    await store.work.release(lease, 1_009_000);
    await store.work.poke('target', STAGING_ID, { atMs: 1_005_000 });
    at(1_001_999);
    await expect(claim('one')).resolves.toEqual([]);
    at(1_002_000);
    await expect(claim('one')).resolves.toHaveLength(1);
  });

  it("makes a lost worker's item due when its lease ends", async () => {
    const { store, claim, at } = await open();
    await store.work.poke('target', STAGING_ID);
    const [lost] = await claim('killed');
    at(lost.leaseUntilMs - 1);
    await expect(claim('heir')).resolves.toEqual([]);
    at(lost.leaseUntilMs);
    const [heir] = await claim('heir');
    expect(heir.epoch).toBe(lost.epoch + 1);

    await expect(store.work.renew(lost, 1_000)).rejects.toThrow(LeaseLostError);
    await expect(store.work.release(lost, undefined)).rejects.toThrow(
      LeaseLostError,
    );
    await expect(store.work.renew(heir, 9_000)).resolves.toEqual({
      ...heir,
      leaseUntilMs: lost.leaseUntilMs + 9_000,
    });
  });

  it('refuses every write of a worker that lost its lease', async () => {
    const { store, claim, at } = await open();
    const deployment = await store.deployments.create(deploymentRow());
    const [lost] = await claim('killed');
    const row = (await store.targets.get(STAGING))!;
    at(lost.leaseUntilMs);
    const [heir] = await claim('heir');

    await expect(
      store.transaction(tx => store.targets.save(lost, row, tx)),
    ).rejects.toThrow(LeaseLostError);
    await expect(
      store.transaction(tx => store.deployments.save(lost, deployment, tx)),
    ).rejects.toThrow(LeaseLostError);
    await expect(store.targets.get(STAGING)).resolves.toMatchObject({
      rowVersion: row.rowVersion,
      epoch: heir.epoch,
    });

    const release = await store.releases.create(releaseRow());
    const lostRelease = await claimNow(store, 'release', release.id);
    at(lostRelease.leaseUntilMs);
    await claimNow(store, 'release', release.id, 'heir');
    await expect(store.releases.save(lostRelease, release)).rejects.toThrow(
      LeaseLostError,
    );
  });

  it('refuses a write under the lease of something else', async () => {
    const { store } = await open();
    const lease = await claimNow(store, 'target', STAGING_ID);
    const row = (await store.targets.get(PRODUCTION))!;
    await expect(
      store.transaction(tx => store.targets.save(lease, row, tx)),
    ).rejects.toThrow(/does not allow a write to target/);
  });

  it('refuses a write that has not seen the latest version', async () => {
    const { store } = await open();
    const deployment = await store.deployments.create(deploymentRow());
    const lease = await claimNow(store, 'target', STAGING_ID);
    const row = (await store.targets.get(STAGING))!;
    const hold = {
      by: { type: 'user' as const, ref: 'user:default/bob' },
      sinceMs: 1,
      reason: 'Friday',
    };
    await store.targets.setHold(STAGING, hold);

    await expect(
      store.transaction(async tx => {
        await store.deployments.save(lease, deployment, tx);
        await store.targets.save(lease, row, tx);
      }),
    ).rejects.toThrow(VersionConflictError);
    // The whole transaction is undone.
    await expect(store.deployments.get(deployment.id)).resolves.toMatchObject({
      rowVersion: 1,
    });
    await expect(store.targets.get(STAGING)).resolves.toMatchObject({ hold });
  });

  it('goes on from a raised epoch after a take over', async () => {
    const { store } = await open();
    const lease = await claimNow(store, 'target', STAGING_ID);
    const raised = await store.work.raiseEpoch(lease, 41);
    expect(raised.epoch).toBe(41);
    await expect(store.work.renew(lease, 10)).rejects.toThrow(LeaseLostError);
    await store.work.release(raised, undefined);
    const next = await claimNow(store, 'target', STAGING_ID);
    expect(next.epoch).toBe(42);
    await expect(store.work.raiseEpoch(next, 7)).resolves.toEqual(next);
  });

  it('tells how much is due and for how long', async () => {
    const { store, claim, at } = await open();
    await expect(store.work.stats()).resolves.toEqual({
      due: 0,
      claimed: 0,
      oldestDueAgeMs: undefined,
    });
    await store.work.poke('target', 'a', { atMs: 1_000_000 });
    await store.work.poke('target', 'b', { atMs: 1_000_100 });
    await store.work.poke('target', 'c', { atMs: 9_000_000 });
    at(1_000_250);
    await claim('one', 1);
    await expect(store.work.stats()).resolves.toEqual({
      due: 1,
      claimed: 1,
      oldestDueAgeMs: 150,
    });
  });

  it('compares times by the clock of the database when given none', async () => {
    const store = await createTestStore(await databases.init(databaseId));
    const before = Date.now();
    const now = await store.now();
    expect(Math.abs(now - before)).toBeLessThan(60_000);
    await store.work.poke('target', STAGING_ID);
    const [lease] = await store.work.claim({
      owner: 'one',
      limit: 1,
      leaseMs: 5_000,
    });
    expect(lease.leaseUntilMs).toBeGreaterThanOrEqual(now + 5_000);
  });
});
