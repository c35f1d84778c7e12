import { ConflictError, NotFoundError } from '@backstage/errors';
import { TestDatabases } from '@backstage/backend-test-utils';
import { Command } from '@slipway/backstage-plugin-delivery-common';
import {
  ALICE,
  STAGING,
  STAGING_ID,
  addShop,
  claimNow,
  deploymentRow,
  releaseRow,
} from './__fixtures__/rows';
import { createTestStore } from './createStore';
import { DeliveryStore, VersionConflictError } from './types';

jest.setTimeout(120_000);

const databases = TestDatabases.create();

let counter = 0;

function command(over: Partial<Command> = {}): Command {
  counter += 1;
  return {
    id: `command-${counter}`,
    verb: 'abort',
    subjectKind: 'deployment',
    subjectId: 'none',
    actor: ALICE,
    createdAtMs: 5,
    ...over,
  };
}

describe.each(databases.eachSupportedId())('commands on %s', databaseId => {
  async function open() {
    const store = await createTestStore(await databases.init(databaseId));
    await addShop(store);
    const deployment = await store.deployments.create(deploymentRow());
    await sleep(store);
    return { store, deployment };
  }

  /** Lets everything that is due be done. */
  async function sleep(store: DeliveryStore): Promise<void> {
    for (const lease of await store.work.claim({
      owner: 'sleeper',
      limit: 100,
      leaseMs: 1_000,
    })) {
      await store.work.release(lease, undefined);
    }
  }

  async function dueIds(store: DeliveryStore): Promise<string[]> {
    const leases = await store.work.claim({
      owner: 'looker',
      limit: 100,
      leaseMs: 60_000,
    });
    return leases.map(lease => lease.id);
  }

  it('wake what they are for, and wait until they are answered', async () => {
    const { store, deployment } = await open();
    const { cursor } = await store.feed.read(undefined, 1);
    const abort = command({ subjectId: deployment.id, reason: 'it is bad' });
    const hold = command({
      verb: 'hold',
      subjectKind: 'target',
      subjectId: STAGING_ID,
    });
    await expect(store.commands.add(abort)).resolves.toEqual({
      command: abort,
    });
    await store.commands.add(hold);
    await expect(dueIds(store)).resolves.toEqual([STAGING_ID]);

    const release = await store.releases.create(releaseRow());
    await sleep(store);
    const cancel = command({
      verb: 'cancel',
      subjectKind: 'release',
      subjectId: release.id,
    });
    await store.commands.add(cancel);
    await expect(dueIds(store)).resolves.toEqual([release.id]);

    await expect(
      store.commands.pending([deployment.id, STAGING_ID]),
    ).resolves.toEqual([abort, hold]);
    await expect(store.commands.pendingForTarget(STAGING)).resolves.toEqual([
      abort,
      hold,
    ]);

    const answer = { commandId: abort.id, accepted: true, message: 'aborting' };
    await store.transaction(tx =>
      store.commands.answer(
        [answer, { commandId: cancel.id, accepted: false, message: 'late' }],
        tx,
      ),
    );
    await expect(store.commands.getAnswer(abort.id)).resolves.toEqual(answer);
    await expect(store.commands.getAnswer(hold.id)).resolves.toBeUndefined();
    await expect(store.commands.pendingForTarget(STAGING)).resolves.toEqual([
      hold,
    ]);
    // Pages are told of the command and of its answer.
    let told: string[] = [];
    const deadline = Date.now() + 30_000;
    do {
      const { entries } = await store.feed.read(cursor, 100);
      told = entries.map(entry => entry.subject);
      await new Promise(resolve => setTimeout(resolve, 20));
    } while (told.length < 6 && Date.now() < deadline);
    expect(told.filter(subject => subject === deployment.id)).toHaveLength(2);

    // The first answer stands.
    await store.transaction(tx =>
      store.commands.answer([{ ...answer, accepted: false }], tx),
    );
    await expect(store.commands.getAnswer(abort.id)).resolves.toEqual(answer);
  });

  it('are done once however often they are sent', async () => {
    const { store, deployment } = await open();
    const first = command({ subjectId: deployment.id });
    const sent = await Promise.all(
      Array.from({ length: 6 }, () =>
        store.commands.add({
          ...first,
          id: command().id,
          idempotencyKey: 'click-1',
        }),
      ),
    );
    const ids = new Set(sent.map(({ command: { id } }) => id));
    expect(ids.size).toBe(1);
    await expect(store.commands.pending([deployment.id])).resolves.toHaveLength(
      1,
    );

    const [id] = ids;
    await store.transaction(tx =>
      store.commands.answer(
        [{ commandId: id, accepted: true, message: 'done' }],
        tx,
      ),
    );
    await expect(
      store.commands.add({
        ...command({ subjectId: deployment.id }),
        idempotencyKey: 'click-1',
      }),
    ).resolves.toMatchObject({
      command: { id },
      answer: { accepted: true, message: 'done' },
    });
    await expect(
      store.commands.add({
        ...command({ subjectId: deployment.id, verb: 'promote' }),
        idempotencyKey: 'click-1',
      }),
    ).rejects.toThrow(ConflictError);
  });

  it('are refused when what they are for has changed since, or is not there', async () => {
    const { store, deployment } = await open();
    const lease = await claimNow(store, 'target', STAGING_ID);
    await store.transaction(tx =>
      store.deployments.save(lease, { ...deployment, status: 'paused' }, tx),
    );
    await expect(
      store.commands.add({
        ...command({ subjectId: deployment.id }),
        expectedVersion: deployment.rowVersion,
      }),
    ).rejects.toThrow(VersionConflictError);
    await expect(
      store.commands.add({
        ...command({ subjectId: deployment.id }),
        expectedVersion: deployment.rowVersion + 1,
      }),
    ).resolves.toBeDefined();
    await expect(
      store.commands.add(command({ subjectId: 'deployment-of-nowhere' })),
    ).rejects.toThrow(NotFoundError);
    await expect(store.commands.pending([deployment.id])).resolves.toHaveLength(
      1,
    );
  });
});
