import { hookCalls } from './testing/callHook';
import {
  createFixture,
  Fixture,
  fromSnapshot,
  Snapshot,
  takeSnapshot,
} from './testing/fixture';
import { generationOf } from './testing/rows';

/*
 * Promises 1 and 2: a process may be killed at any point, nothing that was
 * accepted is lost, and every effect is idempotent.
 *
 * The first test enumerates: before every call that leaves the process, during
 * a whole canary, database and world are frozen, which is what a killed process
 * leaves behind (a death within a transaction leaves what was before it). From
 * each of these, another process goes on. The second lets the process die by an
 * exception out of every thirteenth call, so that nothing it does while dying
 * (catching, giving back) does harm either.
 */

jest.setTimeout(600_000);

const service = 'component:default/checkout';
const target = { service, environment: 'production' };
const OLD = generationOf('old', 'production');
const NEW = generationOf('new', 'production');

/** Reads change nothing: to die before one is to die before the write that follows. */
const READS =
  /\.(get|open|pendingForTarget|load|measurements|observe|list|getAnswer|now|stats)$/;

describe.each([
  { name: 'a canary that is promoted', successRate: 1, outcome: 'succeeded' },
  {
    name: 'a canary that is rolled back',
    successRate: 0.8,
    outcome: 'rolled-back',
  },
])('killed at every transition of $name', ({ successRate, outcome }) => {
  let begin: Snapshot;
  let first: string;
  let second: string;
  let environments: Fixture['environments'];

  beforeAll(async () => {
    const fixture = await createFixture();
    environments = fixture.environments;
    await fixture.addService(service, ['old', 'new']);
    fixture.world.behaviours.set('new', { successRate });
    const driver = fixture.driver();
    first = (
      await driver.ended(
        (
          await driver.deploy({ ...target, releaseId: 'old' })
        ).id,
      )
    ).id;
    await driver.pass(1_000);
    fixture.world.effects.length = 0;
    second = (await driver.deploy({ ...target, releaseId: 'new' })).id;
    begin = await takeSnapshot(fixture);
    await fixture.close();
  });

  const isOver = async ({ store, world }: Fixture) =>
    (await store.deployments.get(second))?.outcome !== undefined &&
    Object.keys(world.replicas(target)).length === 1;

  /** Everything that a person or another system could see of the end. */
  async function endOf(fixture: Fixture) {
    const { store, world, knex } = fixture;
    const row = await store.targets.get(target);
    const named = (text: string) =>
      text
        .replaceAll(OLD, 'old')
        .replaceAll(NEW, 'new')
        .replaceAll(first, 'first')
        .replaceAll(second, 'second');
    const news: Array<{ key: string }> = await knex('outbox').select('key');
    const all = await store.deployments.list({ service });
    const events = await store.deployments.events({
      deploymentId: second,
      limit: 200,
    });
    return {
      statuses: all.items.map(({ id, status }) => named(`${id} ${status}`)),
      stable: row?.record.stable && named(row.record.stable.generation),
      draining: row?.record.draining,
      shares: named(JSON.stringify(world.shares(target))),
      replicas: named(JSON.stringify(world.replicas(target))),
      held: row?.hold !== undefined,
      news: news.map(({ key }) => named(key)).sort(),
      events: events.map(({ type }) => type).sort(),
      effects: world.effects.map(named),
      violations: world.violations,
    };
  }

  /** Another process, which remembers nothing, goes on to the end. */
  async function goOn(fixture: Fixture, after: string) {
    const heir = fixture.driver({ owner: 'heir' });
    await heir.until(
      `the deployment is over, after a death before ${after}`,
      async () => await isOver(fixture),
    );
    await heir.pass(500);
    return await endOf(fixture);
  }

  it('ends as if nothing had happened, with no effect done twice', async () => {
    const snapshots: Array<Snapshot & { before: string }> = [];
    const undisturbed = await fromSnapshot(begin, environments);
    let wroteSince = true;
    const hooked = hookCalls({
      store: undisturbed.store,
      connection: undisturbed.world.connection(),
      async before({ name, inTransaction }) {
        if (inTransaction || READS.test(name)) {
          return;
        }
        if (wroteSince) {
          snapshots.push({
            ...(await takeSnapshot(undisturbed)),
            before: name,
          });
        }
        wroteSince = true;
      },
    });
    const mortal = undisturbed.driver({
      store: hooked.store,
      connections: new Map([['production', hooked.connection]]),
      owner: 'mortal',
    });
    while (!(await isOver(undisturbed))) {
      if ((await mortal.work()) === 0) {
        // A claim that finds nothing due changes nothing.
        wroteSince = false;
        undisturbed.clock.nowMs += 50;
      }
    }
    await mortal.pass(500);
    const end = await endOf(undisturbed);
    await undisturbed.close();
    expect(end).toMatchObject({
      statuses: [`second ${outcome}`, 'first succeeded'],
      news: ['first:succeeded', `second:${outcome}`],
      held: outcome === 'rolled-back',
      draining: [],
      violations: [],
    });
    expect(snapshots.length).toBeGreaterThan(30);

    for (const snapshot of snapshots) {
      const fixture = await fromSnapshot(snapshot, environments);
      expect({
        before: snapshot.before,
        ...(await goOn(fixture, snapshot.before)),
      }).toEqual({ before: snapshot.before, ...end });
      await fixture.close();
    }
  });

  it('ends as well when it dies by an exception', async () => {
    const undisturbed = await fromSnapshot(begin, environments);
    const { effects, ...end } = await goOn(undisturbed, 'nothing');
    await undisturbed.close();
    let over = false;
    const thrown = new Set<string>();
    for (let dieAt = 1; !over; dieAt += 13) {
      const fixture = await fromSnapshot(begin, environments);
      let calls = 0;
      let died = '';
      const life = new AbortController();
      const hooked = hookCalls({
        store: fixture.store,
        connection: fixture.world.connection(),
        // eslint-disable-next-line no-loop-func -- it dies in this very turn
        before({ name }) {
          calls += 1;
          if (calls >= dieAt) {
            died ||= name;
            life.abort();
            throw new Error(`Killed before ${name}`);
          }
        },
      });
      const mortal = fixture.driver({
        store: hooked.store,
        connections: new Map([['production', hooked.connection]]),
        owner: 'mortal',
      });
      life.signal.addEventListener('abort', () => mortal.kill());
      while (!died && !over) {
        over = await isOver(fixture);
        try {
          if ((await mortal.work()) === 0) {
            fixture.clock.nowMs += 50;
          }
        } catch (error) {
          thrown.add(`${error}`);
        }
      }
      expect({ died, ...(await goOn(fixture, died)) }).toEqual({
        died,
        ...end,
        effects,
      });
      await fixture.close();
    }
    expect([...thrown].filter(text => !text.includes('Killed before'))).toEqual(
      [],
    );
  });
});
