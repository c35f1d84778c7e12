// What is really there: processes, tags and rows, read past the API.
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** The instances of a target's generations, as the runtime wrote them down. */
export function processesOf(portal, service, environment) {
  const state = JSON.parse(
    fs.readFileSync(path.join(portal.data, 'locald', 'state.json'), 'utf8'),
  );
  const target =
    state.targets[`component:default/${service}@${environment}`] ?? {};
  return Object.entries(target.generations ?? {}).flatMap(
    ([generation, { instances }]) =>
      instances.map(({ id, pid, port }) => ({ generation, id, pid, port })),
  );
}

export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (error.code === 'ESRCH') return false;
    throw error;
  }
}

/** Every instance of a generation that was ever started: each has a folder. */
export function startedInstances(portal, service, generation) {
  const prefix = `${service}-${generation.slice(0, 8)}-`;
  return fs
    .readdirSync(path.join(portal.data, 'locald', 'instances'))
    .filter(name => name.startsWith(prefix));
}

function namesIn(folder) {
  return fs.existsSync(folder) ? fs.readdirSync(folder).sort() : [];
}

/** The tags of a service's repository in the registry, each with its digest. */
export function tagsOf(portal, service) {
  const folder = path.join(
    portal.data,
    'registry/repositories/storefront',
    service,
    '_tags',
  );
  return Object.fromEntries(
    namesIn(folder).map(tag => [
      tag,
      fs.readFileSync(path.join(folder, tag), 'utf8').trim(),
    ]),
  );
}

/** What is attached to an image: its SBOM and its provenance. */
export function referrersOf(portal, service, digest) {
  const folder = path.join(
    portal.data,
    'registry/repositories/storefront',
    service,
    '_referrers',
    digest.replace(':', '-'),
  );
  return namesIn(folder).map(name =>
    JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')),
  );
}

/** The plugin's own database, read only; `rows` answers with plain objects. */
export function openDatabase(portal) {
  const database = new DatabaseSync(
    path.join(portal.data, 'database', 'delivery.sqlite'),
    { readOnly: true },
  );
  database.exec('pragma busy_timeout = 5000');
  return {
    rows: (sql, ...values) => database.prepare(sql).all(...values),
    row: (sql, ...values) => database.prepare(sql).get(...values),
    prepare: sql => database.prepare(sql),
    close: () => database.close(),
  };
}
