// The backend is killed by SIGKILL at each stage of a release and in each phase
// of a rollout, and started again. Where it was killed is read from its own
// database after its death, so that a kill that came too late does not count.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Api } from './lib/api.mjs';
import {
  commitTo,
  deploymentEnds,
  releaseEnds,
  targetOf,
  urlOf,
} from './lib/delivery.mjs';
import { killWhen } from './lib/killer.mjs';
import { Portal, until } from './lib/portal.mjs';
import { countRequests } from './lib/requests.mjs';
import {
  openDatabase,
  processesOf,
  referrersOf,
  tagsOf,
} from './lib/world.mjs';

const HOOKS = { timeout: 420_000 };
const MATRIX = { timeout: 900_000 };
/** The frontend serves nothing here, and takes its time to start. */
const BACKEND_ONLY = { only: ['packages/backend'] };

const STAGES = [
  'fetch',
  'definition',
  'build',
  'scan',
  'gate',
  'push',
  'attest',
];

/** The stage that runs, of the release of a commit. */
const runningStage = {
  sql: `select stage.value ->> '$.stage' as stage
    from releases, json_each(releases.data, '$.stages') as stage
    where commit_sha = ? and service_ref = ?
      and stage.value ->> '$.status' = 'running'
      and stage.value ->> '$.stage' in (select value from json_each(?))`,
};

const releaseOver = {
  sql: `select 1 from releases where commit_sha = ? and service_ref = ?
    and status in ('ready', 'errored', 'failed', 'blocked')`,
};

/** An active step of a type, of the deployment of a release. */
const activeStep = {
  sql: `select step.value ->> '$.index' as place
    from targets, json_each(targets.record, '$.rollout.steps') as step
    where target_id = ? and targets.record ->> '$.rollout.candidate.releaseId' = ?
      and targets.record ->> '$.rollout.phase' = 'stepping'
      and step.value ->> '$.step.type' = ? and step.value ->> '$.status' = 'active'`,
};
const phase = {
  /** Promoted, and what served before is gone: no other phase comes. */
  over: {
    sql: `select 1 from targets where target_id = ?
      and record ->> '$.stable.releaseId' = ?
      and json_array_length(record, '$.draining') = 0`,
  },
  aborting: {
    sql: `select 1 from targets where target_id = ?
      and record ->> '$.rollout.candidate.releaseId' = ?
      and record ->> '$.rollout.phase' = 'aborting'`,
  },
  draining: {
    sql: `select 1 from targets where target_id = ?
      and record ->> '$.stable.releaseId' = ?
      and json_array_length(record, '$.draining') > 0`,
  },
};

describe('killed by SIGKILL and started again', { concurrency: 1 }, () => {
  const portal = new Portal();
  const table = [];
  /** Timers of watchers that a failed test has left behind. */
  const watching = new Set();
  let api = new Api();
  let database;

  /** Dies at the moment and lives again, which other moments may then end at once. */
  async function dieAt(what, moment, options) {
    const death = await killWhen(portal, moment, options);
    if (death.killed) table.push({ what, hit: death.hit });
    return death;
  }

  function liveAgain() {
    portal.spawn(BACKEND_ONLY);
  }

  async function release(service, commit) {
    const made = await api.post(
      `/services/component/default/${service}/releases`,
      { commit },
    );
    return made.id;
  }

  /** Every instance that is seen of a service in an environment, until it is stopped. */
  function watchInstances(service, environment) {
    const seen = new Map();
    const timer = setInterval(() => {
      for (const instance of processesOf(portal, service, environment)) {
        const pids = seen.get(instance.id) ?? {
          generation: instance.generation,
          pids: new Set(),
        };
        // An instance is written down before its process is there.
        if (instance.pid !== undefined) pids.pids.add(instance.pid);
        seen.set(instance.id, pids);
      }
    }, 50);
    watching.add(timer);
    return {
      stop() {
        clearInterval(timer);
        return [...seen].map(([id, { generation, pids }]) => ({
          id,
          generation,
          pids: [...pids],
        }));
      },
    };
  }

  before(async () => {
    await portal.start(BACKEND_ONLY);
    await until(
      'the services are known',
      async () => (await api.get('/services')).items.length === 2,
    );
    database = openDatabase(portal);
    for (const service of ['pricing', 'checkout']) {
      const id = await release(service, 'v1.0.0');
      assert.equal(
        (await deploymentEnds(api, id, 'production')).status,
        'succeeded',
      );
    }
  }, HOOKS);

  after(async () => {
    watching.forEach(clearInterval);
    database?.close();
    await portal.stop();
    console.log(
      table
        .map(({ what, hit }) => `# killed at ${what}${hit ? '' : ' (missed)'}`)
        .join('\n'),
    );
  }, HOOKS);

  /** Nothing was done twice, as far as anybody outside can see. */
  function assertOnce(releaseId) {
    const doubled = database.rows(
      `select deployment_id, type, message, count(*) as times from events
        where release_id = ? or deployment_id in
          (select id from deployments where release_id = ?)
        group by deployment_id, type, message having times > 1`,
      releaseId,
      releaseId,
    );
    assert.deepEqual(
      doubled.filter(({ type }) => !type.startsWith('world-')),
      [],
      'no event was written twice',
    );
    const news = database.rows(
      `select key, attempts from outbox where key in
        (select id || ':' || status from deployments where release_id = ?)`,
      releaseId,
    );
    assert.ok(news.length > 0 && news.every(({ attempts }) => attempts <= 2));
    const ends = database.rows(
      `select environment, count(*) as times from deployments
        where release_id = ? group by environment`,
      releaseId,
    );
    assert.deepEqual(
      ends.map(({ environment, times }) => [environment, times]).sort(),
      [
        ['production', 1],
        ['staging', 1],
      ],
      'one deployment for each environment',
    );
  }

  test('a release, at each of its stages', MATRIX, async () => {
    const missing = new Set(STAGES);
    const service = 'component:default/pricing';
    const production = await targetOf(api, 'pricing', 'production');
    const requests = countRequests(`${urlOf(production)}/price?item=tea`);
    for (let round = 1; missing.size > 0; round += 1) {
      assert.ok(round <= 12, `not hit in time: ${[...missing]}`);
      const tags = tagsOf(portal, 'pricing');
      const sha = commitTo(
        portal,
        {
          'services/pricing/server.js': text =>
            text.replace(/tea: \d+/, `tea: ${500 + round}`),
        },
        `pricing: price list ${round}`,
      );
      // The portal may die before it has answered; the release is there then.
      const asked = Promise.allSettled([release('pricing', sha)]);
      for (;;) {
        const death = await killWhen(
          portal,
          {
            ...runningStage,
            values: [sha, service, JSON.stringify([...missing])],
          },
          { orWhen: { ...releaseOver, values: [sha, service] } },
        );
        if (!death.killed) break;
        const stage = database.row(
          runningStage.sql,
          sha,
          service,
          JSON.stringify(STAGES),
        )?.stage;
        table.push({ what: `stage ${stage ?? 'between two'}`, hit: death.hit });
        missing.delete(stage);
        liveAgain();
        if (missing.size === 0) break;
      }
      await asked;
      await portal.ready();
      api = new Api();
      const { id } = database.row(
        'select id from releases where commit_sha = ? and service_ref = ?',
        sha,
        service,
      );
      const ended = await releaseEnds(api, id);
      assert.equal(
        ended.release.status,
        'ready',
        JSON.stringify(ended.release.reason),
      );
      const [{ digest }] = ended.release.images;
      const { internals } = database.row(
        'select internals from releases where id = ?',
        id,
      );
      assert.equal(
        JSON.parse(internals).checkpoint.attempt,
        1,
        'the same attempt went on',
      );
      const added = Object.entries(tagsOf(portal, 'pricing')).filter(
        ([tag]) => !(tag in tags),
      );
      assert.deepEqual(
        added.map(([, tagged]) => tagged),
        [digest],
        'one tag more',
      );
      assert.deepEqual(
        referrersOf(portal, 'pricing', digest)
          .map(({ artifactType }) => artifactType)
          .sort(),
        ['application/vnd.cyclonedx+json', 'application/vnd.in-toto+json'],
        'one SBOM and one provenance',
      );
      assert.equal(
        (await deploymentEnds(api, id, 'production')).status,
        'succeeded',
      );
      assertOnce(id);
    }
    const { lost, total } = await requests.stop();
    console.log(`# ${total} requests meanwhile, ${lost.length} lost`);
    assert.deepEqual(lost, [], 'every request was served');
  });

  test('a canary, in each of its phases', MATRIX, async () => {
    const requests = countRequests(
      urlOf(await targetOf(api, 'checkout', 'production')),
    );
    const missing = new Set([
      'roll in staging',
      'scale',
      'weight',
      'analysis',
      'pause',
      'promote',
      'draining',
    ]);
    for (let round = 1; missing.size > 0; round += 1) {
      assert.ok(round <= 4, `not hit in time: ${[...missing]}`);
      const instances = watchInstances('checkout', 'production');
      const sha = commitTo(
        portal,
        {
          'services/checkout/behaviour.js': text =>
            text.replace(/greeting: '[^']*'/, `greeting: 'Hello ${round}'`),
        },
        `checkout: hello ${round}`,
      );
      const id = await release('checkout', sha);
      const staging = 'component:default/checkout@staging';
      const production = 'component:default/checkout@production';
      for (const what of [...missing]) {
        const place = what.endsWith('in staging') ? staging : production;
        const [type] = what.split(' ');
        const { sql } = type === 'draining' ? phase.draining : activeStep;
        const values = [place, id, ...(sql === activeStep.sql ? [type] : [])];
        const { killed, hit } = await dieAt(
          what,
          { sql, values },
          { orWhen: { ...phase.over, values: [production, id] } },
        );
        if (hit) missing.delete(what);
        if (!killed) break;
        liveAgain();
      }
      await portal.ready();
      api = new Api();
      const ended = await deploymentEnds(api, id, 'production');
      assert.equal(ended.status, 'succeeded', JSON.stringify(ended.reason));
      assert.equal(ended.rollout.attempt, 1, 'the same attempt went on');
      await until(
        'what served before is taken away',
        async () => processesOf(portal, 'checkout', 'production').length === 2,
      );
      const started = instances.stop();
      assert.equal(started.length, 4, 'two instances of each generation, ever');
      assert.deepEqual(
        started.filter(({ pids }) => pids.length !== 1),
        [],
        'and none was started again',
      );
      assertOnce(id);
    }
    const { lost, total } = await requests.stop();
    console.log(`# ${total} requests meanwhile, ${lost.length} lost`);
    assert.deepEqual(lost, [], 'every request was served');
  });

  test('a canary on its way back', MATRIX, async () => {
    const before = await targetOf(api, 'checkout', 'production');
    const requests = countRequests(urlOf(before));
    const commits = await api.get(
      '/services/component/default/checkout/commits?limit=20',
    );
    const bad = commits.items.find(({ message }) => /a fifth/.test(message));
    const id = await release('checkout', bad.sha);
    const { hit } = await dieAt('abort', {
      ...phase.aborting,
      values: ['component:default/checkout@production', id],
    });
    assert.ok(hit);
    liveAgain();
    await portal.ready();
    api = new Api();
    const ended = await deploymentEnds(api, id, 'production');
    assert.equal(ended.status, 'rolled-back');
    assert.equal(ended.rollout.attempt, 1);
    assert.equal(ended.reason.metric, 'success-rate');
    const now = await targetOf(api, 'checkout', 'production');
    assert.equal(now.hold.deploymentId, ended.id);
    assert.equal(now.stable.generation, before.stable.generation);
    const { samples } = await requests.stop();
    assert.deepEqual(
      samples.filter(({ status }) => status === undefined),
      [],
      'every request was answered',
    );
    assertOnce(id);
  });
});
