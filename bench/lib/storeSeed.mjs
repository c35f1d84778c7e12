/*
 * Fills the store's tables with an estate that has a history, inside the
 * database, so that a million rows take a minute and not an hour. Written in
 * the SQL that SQLite and PostgreSQL share.
 */

const START_MS = 1_700_000_000_000;
/** Services are dealt out to teams in turn. */
export const TEAMS = 400;
const SYSTEMS = 150;

/** About as long as what the engine keeps of a finished canary. */
const ROLLOUT = JSON.stringify({
  attempt: 1,
  phase: 'finished',
  steps: Array.from({ length: 6 }, (_, index) => ({
    index,
    step: { type: 'weight', percent: index * 20 },
    status: 'done',
    startedAtMs: START_MS,
    finishedAtMs: START_MS,
  })),
});

export async function seed(knex, size) {
  const postgres = knex.client.config.client === 'pg';
  const environments = size.environments.length;
  const targets = size.services * environments;

  const series = count =>
    postgres
      ? `generate_series(0, ${count - 1}) as n(i)`
      : `(with recursive n(i) as (select 0 union all select i + 1 from n where i < ${
          count - 1
        }) select i from n) as n`;
  const padded = value =>
    postgres ? `lpad((${value})::text, 6, '0')` : `printf('%06d', ${value})`;
  // In brackets: SQLite's || binds tighter than arithmetic.
  const text = value => (postgres ? `(${value})::text` : `(${value})`);
  const service = value => `'component:default/service-' || ${padded(value)}`;
  const ownership = value =>
    `'group:default/team-' || ${text(`(${value}) % ${TEAMS}`)}, ` +
    `'system:default/system-' || ${text(`(${value}) % ${SYSTEMS}`)}`;
  const environment = value =>
    `case (${value}) % ${environments} ${size.environments
      .map((name, index) => `when ${index} then '${name}'`)
      .join(' ')} end`;
  const big = value => (postgres ? `(${value})::bigint` : `${value}`);

  await knex.raw(
    `insert into services (service_ref, owner, system, title, name, repository, definition_path, row_version)
     select ${service('i')}, ${ownership('i')}, 'Service', 'service',
       'https://git.example.com/services.git', 'delivery.yaml', 1
     from ${series(size.services)}`,
  );

  // Target t is service t / environments in environment t % environments.
  const ofTarget = `i / ${environments}`;
  const targetId = (s, e) => `${service(s)} || '@' || ${environment(e)}`;
  const record = JSON.stringify({
    draining: [],
    promoted: [],
    desired: { revision: 7, generations: [], shares: [] },
  });
  await knex.raw(
    `insert into targets (target_id, service_ref, owner, system, environment, tier, record, row_version)
     select ${targetId(ofTarget, 'i')}, ${service(ofTarget)}, ${ownership(
      ofTarget,
    )}, ${environment('i')}, ${environment('i')}, '${record}', 1
     from ${series(targets)}`,
  );
  await knex.raw(
    `insert into work_items (kind, id, epoch)
     select 'target', ${targetId(ofTarget, 'i')}, 1 from ${series(targets)}`,
  );

  const ofRelease = `i % ${size.services}`;
  const at = `${START_MS} + ${big('i')} * 1000`;
  await knex.raw(
    `insert into releases (id, service_ref, owner, system, commit_sha, status, created_at_ms, finished_at_ms, data, internals, row_version)
     select 'r' || ${text('i')}, ${service(ofRelease)}, ${ownership(
      ofRelease,
    )}, ${padded('i')}, 'ready', ${at}, ${at},
       '{"id":"r' || ${text('i')} || '","status":"ready","pad":"${'x'.repeat(
      600,
    )}"}', '{}', 1
     from ${series(size.releases)}`,
  );

  // In parts, so that no transaction is too large.
  const part = 100_000;
  const rollout = ROLLOUT.replaceAll('?', '');
  for (let from = 0; from < size.deployments; from += part) {
    const count = Math.min(part, size.deployments - from);
    const i = `(i + ${from})`;
    const target = `(${i} % ${targets})`;
    const ofDeployment = `${target} / ${environments}`;
    const created = `${START_MS} + ${big(i)} * 300`;
    await knex.raw(
      `insert into deployments (id, target_id, service_ref, owner, system, environment, tier, release_id, plan_id, status, terminal, created_at_ms, finished_at_ms, data, rollout, row_version)
       select 'd' || ${text(i)}, ${targetId(ofDeployment, target)}, ${service(
        ofDeployment,
      )}, ${ownership(ofDeployment)}, ${environment(target)}, ${environment(
        target,
      )}, 'r' || ${text(`${i} % ${size.releases}`)}, 'p' || ${text(i)},
         'succeeded', 1, ${created}, ${created},
         '{"id":"d' || ${text(
           i,
         )} || '","status":"succeeded","pad":"${'x'.repeat(
        400,
      )}"}', '${rollout}', 1
       from ${series(count)}`,
    );
  }
  const lastTargets = size.deployments - targets;
  await knex.raw(
    `update deployments set terminal = 0, status = 'progressing'
     where id in (select 'd' || ${text(
       `i * 20 + ${lastTargets}`,
     )} from ${series(Math.floor(targets / 20))})`,
  );

  const eventTarget = `(i % ${targets})`;
  const ofEvent = `${eventTarget} / ${environments}`;
  await knex.raw(
    `insert into events (id, at_ms, type, message, level, service_ref, environment, target_id)
     select 'e' || ${text('i')}, ${at}, 'deployment-started', 'Started', 'info',
       ${service(ofEvent)}, ${environment(eventTarget)}, ${targetId(
      ofEvent,
      eventTarget,
    )}
     from ${series(targets * 5)}`,
  );
  await knex.raw('analyze');
}
