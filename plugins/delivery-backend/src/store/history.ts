import {
  Measurement,
  ServiceRef,
  TimelineEvent,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { StoreContext } from './context';
import { addFeed } from './feed';
import { jsonParameter, jsonRows } from './jsonRows';
import {
  nullable,
  nullableJson,
  optional,
  optionalJson,
  toNumber,
} from './rows';
import { DeploymentsStore, StoreTx } from './types';

interface DbEvent {
  id: string;
  at_ms: number | string;
  type: string;
  message: string;
  level: TimelineEvent['level'];
  service_ref: ServiceRef;
  environment: string | null;
  release_id: string | null;
  deployment_id: string | null;
  actor: string | null;
  reason: string | null;
}

const MEASUREMENT_ROWS = {
  deployment_id: 'text',
  analysis_id: 'text',
  metric: 'text',
  at_ms: 'bigint',
  data: 'text',
} as const;

const EVENT_ROWS = {
  id: 'text',
  at_ms: 'bigint',
  type: 'text',
  message: 'text',
  level: 'text',
  service_ref: 'text',
  environment: 'text',
  target_id: 'text',
  release_id: 'text',
  deployment_id: 'text',
  actor: 'text',
  reason: 'text',
} as const;

function eventToDb(event: TimelineEvent) {
  const { service, environment } = event;
  return {
    id: event.id,
    at_ms: event.atMs,
    type: event.type,
    message: event.message,
    level: event.level,
    service_ref: service,
    environment: nullable(environment),
    target_id:
      environment === undefined
        ? null
        : stringifyTarget({ service, environment }),
    release_id: nullable(event.releaseId),
    deployment_id: nullable(event.deploymentId),
    actor: nullableJson(event.actor),
    reason: nullableJson(event.reason),
  };
}

/** What was measured and what happened: facts that are only ever added. */
export function createHistory(
  context: StoreContext,
): Pick<
  DeploymentsStore,
  'addMeasurements' | 'measurements' | 'addEvents' | 'events'
> {
  const { db, dialect } = context;

  return {
    async addMeasurements(deploymentId, rows, tx) {
      if (rows.length === 0) {
        return;
      }
      await context.inTransaction(tx, async own => {
        await insertMeasurements(context, own, [{ deploymentId, rows }]);
        const deployment:
          | { service_ref: ServiceRef; row_version: number | string }
          | undefined = await own('deployments')
          .where({ id: deploymentId })
          .first('service_ref', 'row_version');
        if (deployment) {
          await addFeed(
            context,
            [
              {
                kind: 'deployment',
                subject: deploymentId,
                service: deployment.service_ref,
                version: toNumber(deployment.row_version),
              },
            ],
            own,
          );
        }
      });
    },

    async measurements(deploymentId, analysisId) {
      const query = db()('measurements').where({ deployment_id: deploymentId });
      if (analysisId !== undefined) {
        query.where({ analysis_id: analysisId });
      }
      const rows: Array<{ data: string }> = await query
        .orderBy('at_ms')
        .orderBy('seq')
        .select('data');
      return rows.map((row): Measurement => JSON.parse(row.data));
    },

    async addEvents(events, tx) {
      if (events.length === 0) {
        return;
      }
      const columns = Object.keys(EVENT_ROWS).join(', ');
      await db(tx).raw(
        `insert into events (${columns})
         select ${columns} from ${jsonRows(dialect, EVENT_ROWS)} where true
         on conflict (id) do nothing`,
        [jsonParameter(events.map(eventToDb))],
      );
    },

    async events({ deploymentId, releaseId, target, limit }) {
      const query = db()('events');
      if (deploymentId !== undefined) {
        query.where({ deployment_id: deploymentId });
      }
      if (releaseId !== undefined) {
        query.where({ release_id: releaseId });
      }
      if (target !== undefined) {
        query.where({ target_id: stringifyTarget(target) });
      }
      const rows: DbEvent[] = await query
        .orderBy('at_ms', 'desc')
        .orderBy('seq', 'desc')
        .limit(limit);
      return rows.reverse().map(eventFromDb);
    },
  };
}

/** Adds those that are not there yet. */
export async function insertMeasurements(
  { dialect }: StoreContext,
  tx: StoreTx,
  measured: Array<{ deploymentId: string; rows: Measurement[] }>,
): Promise<void> {
  // One look may measure several windows of a metric: a window that had no
  // data is asked for again. Their order tells them apart, a millisecond each,
  // and the same rows get the same keys when they are written again.
  const sameLook = new Map<string, number>();
  const rows = measured.flatMap(({ deploymentId, rows: ofDeployment }) =>
    ofDeployment.map(row => {
      const { analysisId, metric, atMs } = row;
      const look = JSON.stringify([deploymentId, analysisId, metric, atMs]);
      const before = sameLook.get(look) ?? 0;
      sameLook.set(look, before + 1);
      return {
        deployment_id: deploymentId,
        analysis_id: analysisId,
        metric,
        at_ms: atMs + before,
        data: JSON.stringify(row),
      };
    }),
  );
  if (rows.length === 0) {
    return;
  }
  const columns = Object.keys(MEASUREMENT_ROWS).join(', ');
  // `where true`: without it SQLite takes `on` for a part of the join.
  await tx.raw(
    `insert into measurements (${columns})
     select ${columns} from ${jsonRows(dialect, MEASUREMENT_ROWS)} where true
     on conflict (deployment_id, analysis_id, metric, at_ms) do nothing`,
    [jsonParameter(rows)],
  );
}

function eventFromDb(row: DbEvent): TimelineEvent {
  return {
    id: row.id,
    atMs: toNumber(row.at_ms),
    type: row.type,
    message: row.message,
    level: row.level,
    service: row.service_ref,
    environment: optional(row.environment),
    releaseId: optional(row.release_id),
    deploymentId: optional(row.deployment_id),
    actor: optionalJson(row.actor),
    reason: optionalJson(row.reason),
  };
}
