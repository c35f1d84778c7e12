import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { describeOnCluster, FaultRule } from '../testing';
import {
  EngineWorld,
  openEngineWorld,
} from '../testing/__testUtils__/engineWorld';
import {
  bringFirst,
  expectNothingTwice,
  expectServed,
  isOneGeneration,
  recordMade,
} from './__testUtils__/canary';

jest.setTimeout(420_000);

const PATIENCE_MS = 240_000;
/** Without a write: what there was to do is done. */
const REST_MS = 3_000;
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
    next(): { rule: FaultRule; isDying(): boolean; isDead(): boolean } {
      let death: string | undefined;
      let isDead = false;
      return {
        isDying: () => death !== undefined,
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
      steps: '[{ weight: 50% }, { pause: {} }, { weight: 100% }]',
      // A life lasts seconds, and there are many.
      progressDeadline: '10m',
    });
    await bringFirst(engine);
  });
  afterAll(() => engine?.close());

  /**
   * Life after life, until the deployment has ended and nothing has been
   * written for a while. Says where they died.
   */
  async function liveAndDie(releaseId: string, verb: 'promote' | 'abort') {
    const { deaths, next } = mortality();
    let life = next();
    engine.proxy().setRule(life.rule);
    const id = await engine.deploy(releaseId);
    const deadlineMs = Date.now() + PATIENCE_MS;
    let isAsked = false;
    let restSinceMs: number | undefined;
    while (
      restSinceMs === undefined ||
      life.isDying() ||
      Date.now() < restSinceMs + REST_MS
    ) {
      if (Date.now() > deadlineMs) {
        throw new Error(`No end after these deaths:\n${deaths.join('\n')}`);
      }
      if (life.isDead()) {
        restSinceMs = undefined;
        await engine.kill();
        life = next();
        await engine.startAgain(life.rule);
        continue;
      }
      const { deployment } = await engine.detail(id);
      if (deployment.status === 'paused' && !isAsked) {
        await engine.command(id, verb);
        isAsked = true;
      }
      if (deployment.finishedAtMs && (await isOneGeneration(engine))) {
        restSinceMs ??= Date.now();
      }
      await delay(25);
    }
    engine.proxy().setRule(undefined);
    return { id, deaths };
  }

  it.each([
    { version: 'second', verb: 'abort', outcome: 'aborted', serves: 'first' },
    {
      version: 'third',
      verb: 'promote',
      outcome: 'succeeded',
      serves: 'third',
    },
  ] as const)(
    'is followed by others that do the rest, nothing twice and no request lost: $verb',
    async ({ version, verb, outcome, serves }) => {
      const release = await engine.release({ version });
      const made = await recordMade(engine, {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
      });
      const load = engine.load();
      const { id, deaths } = await liveAndDie(release.id, verb);
      const end = await engine.detail(id);
      expect(end.deployment).toMatchObject({ outcome });
      expectNothingTwice(end);
      await expectServed(load, serves, end);
      await made.stop();
      expect(made.names).toHaveLength(1);
      expect(deaths.length).toBeGreaterThan(20);
    },
  );
});
