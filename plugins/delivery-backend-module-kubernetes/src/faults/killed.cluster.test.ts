import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  describeOnCluster,
  EngineWorld,
  FaultRule,
  openEngineWorld,
} from '../testing';
import {
  bringFirst,
  expectNothingTwice,
  expectOneGeneration,
  expectServed,
  quiet,
} from './__testUtils__/canary';

jest.setTimeout(420_000);

const PATIENCE_MS = 360_000;
/** What differs each time that the same is written. */
const OF_THE_MOMENT =
  /"(?:slipway\.dev\/(?:traffic-)?(?:epoch|revision)|resourceVersion|uid)":"[^"]*"/g;

/**
 * Lives that each end at the first write at which no life has ended yet: right
 * before the API server hears of it, and the next one right after it was done.
 */
function mortality() {
  const deaths: string[] = [];
  return {
    deaths,
    /** Of one life; `isDead` once it is to end. */
    next(): { rule: FaultRule; isDead(): boolean } {
      let death: string | undefined;
      let isDead = false;
      return {
        isDead: () => isDead,
        rule: ({ isWrite, method, path, body }) => {
          if (!isWrite) {
            return undefined;
          }
          if (death) {
            return { breaks: 'before' };
          }
          const content = createHash('sha256')
            .update(body.replace(OF_THE_MOMENT, ''))
            .digest('hex')
            .slice(0, 8);
          const write = `${method} ${path} ${content}`;
          if (!deaths.includes(`before ${write}`)) {
            death = `before ${write}`;
            deaths.push(death);
            isDead = true;
            return { breaks: 'before' };
          }
          if (!deaths.includes(`after ${write}`)) {
            death = `after ${write}`;
            deaths.push(death);
            return {
              breaks: 'after',
              onDone: () => {
                isDead = true;
              },
            };
          }
          return undefined;
        },
      };
    },
  };
}

describeOnCluster('Our process, killed at every write of a canary', () => {
  let engine: EngineWorld;
  beforeAll(async () => {
    engine = await openEngineWorld({
      steps: '[{ weight: 50% }, { weight: 100% }]',
      // A life lasts seconds, and there are many.
      progressDeadline: '10m',
    });
    await bringFirst(engine);
  });
  afterAll(() => engine?.close());

  it('is followed by others that do the rest, nothing twice, and no request is lost', async () => {
    const { world } = engine;
    const release = await engine.release({ version: 'second' });
    const made: string[] = [];
    const watching = new AbortController();
    const kind = { apiVersion: 'apps/v1', kind: 'Deployment' };
    const { namespace } = world;
    const { resourceVersion } = await world.client.list(
      kind,
      { namespace },
      quiet,
    );
    const watched = world.client
      .watch(
        kind,
        { namespace, resourceVersion, timeoutSeconds: 600 },
        event => {
          if (event.type === 'ADDED') {
            made.push(event.object.metadata.name);
          }
        },
        watching.signal,
      )
      .catch((error: unknown) => {
        if (!watching.signal.aborted) {
          throw error;
        }
      });
    const load = engine.load();

    const { deaths, next } = mortality();
    let life = next();
    engine.proxy().setRule(life.rule);
    const id = await engine.deploy(release.id);
    const deadlineMs = Date.now() + PATIENCE_MS;
    for (;;) {
      if (life.isDead()) {
        await engine.kill();
        life = next();
        await engine.startAgain(life.rule);
      } else {
        const { deployment } = await engine.detail(id);
        if (deployment.finishedAtMs && !life.isDead()) {
          break;
        }
        await delay(25);
      }
      if (Date.now() > deadlineMs) {
        throw new Error(`No end after these deaths:\n${deaths.join('\n')}`);
      }
    }
    engine.proxy().setRule(undefined);
    const end = await engine.detail(id);
    expect(end.deployment).toMatchObject({ outcome: 'succeeded' });
    expectNothingTwice(end);
    expect(deaths.length).toBeGreaterThan(20);
    await expectServed(load, 'second');
    await expectOneGeneration(engine);
    watching.abort();
    await watched;
    expect(made).toHaveLength(1);
    // eslint-disable-next-line no-console
    console.info(`Killed ${deaths.length} times:\n${deaths.join('\n')}`);
  });
});
