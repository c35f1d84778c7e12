import { Knex } from 'knex';
import { SHOP } from './rows';

export interface EstateSize {
  /** Services with a history. */
  services: number;
  /** Services that were never released. */
  quietServices: number;
  deploymentsPerTarget: number;
  releasesPerService: number;
  feed: number;
}

const ENVIRONMENTS = ['development', 'staging', 'production'];

/**
 * Fills the tables without the store, as they would be after some time; the
 * first service is SHOP. Ids are `<service>-d<n>` and `<service>-r<n>`.
 */
export async function seedEstate(knex: Knex, size: EstateSize): Promise<void> {
  const rows = createWriter(knex);
  const start = 1_700_000_000_000;
  for (let s = 0; s < size.services + size.quietServices; s++) {
    const quiet = s >= size.services;
    const ref = s === 0 ? SHOP : `component:default/service-${s}`;
    const ownership = {
      service_ref: ref,
      owner: `group:default/team-${s % 40}`,
      system: `system:default/system-${s % 15}`,
    };
    await rows.add('services', {
      ...ownership,
      title: ref,
      name: ref,
      repository: 'https://git.example.com/shop.git',
      definition_path: 'delivery.yaml',
      row_version: 1,
    });
    for (let r = 0; r < (quiet ? 0 : size.releasesPerService); r++) {
      await rows.add('releases', {
        ...ownership,
        id: `${ref}-r${r}`,
        commit_sha: `${r}`.padStart(40, '0'),
        status: 'ready',
        created_at_ms: start + r * 1_000_000 + s,
        finished_at_ms: start + r * 1_000_000 + s,
        data: JSON.stringify({ id: `${ref}-r${r}`, service: ref }),
        internals: '{}',
        row_version: 1,
      });
      await rows.add('work_items', {
        kind: 'release',
        id: `${ref}-r${r}`,
        epoch: 1,
      });
    }
    for (const environment of ENVIRONMENTS) {
      const targetId = `${ref}@${environment}`;
      const place = {
        ...ownership,
        target_id: targetId,
        environment,
        tier: environment,
      };
      await rows.add('targets', {
        ...place,
        record: JSON.stringify({
          draining: [],
          promoted: [],
          desired: { revision: 0, generations: [], shares: [] },
        }),
        row_version: 1,
      });
      await rows.add('work_items', {
        kind: 'target',
        id: targetId,
        epoch: 1,
        due_at_ms: s % 50 === 0 ? start + s : null,
      });
      for (let d = 0; d < (quiet ? 0 : size.deploymentsPerTarget); d++) {
        const last = d === size.deploymentsPerTarget - 1;
        const id = `${ref}-${environment}-d${d}`;
        const createdAtMs = start + d * 1_000_000 + s;
        await rows.add('deployments', {
          ...place,
          id,
          release_id: `${ref}-r${d % size.releasesPerService}`,
          status: last && s % 20 === 0 ? 'progressing' : 'succeeded',
          terminal: last && s % 20 === 0 ? 0 : 1,
          created_at_ms: createdAtMs,
          finished_at_ms: createdAtMs,
          data: JSON.stringify({
            id,
            service: ref,
            environment,
            status: 'succeeded',
            createdAtMs,
          }),
          row_version: 1,
        });
        if (d % 5 === 0) {
          await rows.add('events', {
            id: `${id}-e`,
            at_ms: createdAtMs,
            type: 'deployment-started',
            message: 'Started',
            level: 'info',
            service_ref: ref,
            environment,
            target_id: targetId,
            deployment_id: id,
          });
          await rows.add('commands', {
            id: `${id}-c`,
            verb: 'promote',
            subject_kind: 'deployment',
            subject_id: id,
            target_id: targetId,
            actor: '{}',
            created_at_ms: createdAtMs,
            answered_at_ms: createdAtMs,
          });
        }
      }
    }
  }
  for (let f = 0; f < size.feed; f++) {
    await rows.add('feed', {
      kind: 'target',
      subject: `subject-${f}`,
      service_ref: SHOP,
      version: f,
      at_ms: start,
    });
  }
  await rows.flush();
}

function createWriter(knex: Knex) {
  const waiting = new Map<string, object[]>();
  async function write(table: string) {
    await knex(table).insert(waiting.get(table) ?? []);
    waiting.set(table, []);
  }
  return {
    async add(table: string, row: object) {
      const rows = waiting.get(table) ?? [];
      waiting.set(table, rows);
      rows.push(row);
      if (rows.length >= 500) {
        await write(table);
      }
    },
    async flush() {
      for (const [table, rows] of waiting) {
        if (rows.length > 0) {
          await write(table);
        }
      }
    },
  };
}
