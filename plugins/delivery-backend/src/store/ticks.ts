import { stringifyTarget } from '@slipway/backstage-plugin-delivery-common';
import {
  DbCommand,
  fromDb as commandFromDb,
  COLUMNS as COMMAND_COLUMNS,
} from './commands';
import { StoreContext } from './context';
import {
  COLUMNS as DEPLOYMENT_COLUMNS,
  DbDeployment,
  fromDb as deploymentFromDb,
  toDb as deploymentToDb,
} from './deployments';
import { createEvidence } from './evidence';
import { addFeed } from './feed';
import { createGatherer, Settled } from './gather';
import { createHistory, insertMeasurements } from './history';
import { idsParameter, isAmong, jsonParameter, jsonRows } from './jsonRows';
import { createOutboxStore } from './outbox';
import { toNumber } from './rows';
import {
  COLUMNS as TARGET_COLUMNS,
  DbTarget,
  fromDb as targetFromDb,
  toDb as targetToDb,
} from './targets';
import { LoadedTarget, TickSave, TickStore } from './types';
import {
  FeedEntry,
  Lease,
  StoreTx,
  TargetRow,
  VersionConflictError,
} from './types';
import { holdLeases, leaseLost } from './work';

type Columns = Record<string, 'text' | 'bigint'>;

const TARGET_ROWS: Columns = {
  id: 'text',
  version: 'bigint',
  record: 'text',
  hold: 'text',
  foreign_epoch: 'bigint',
};

const DEPLOYMENT_ROWS: Columns = {
  id: 'text',
  version: 'bigint',
  plan_id: 'text',
  status: 'text',
  terminal: 'bigint',
  finished_at_ms: 'bigint',
  data: 'text',
  rollout: 'text',
};

/** A subquery of one row: PostgreSQL would hash all commands for `exists`. */
const HAS_COMMANDS = `case when (
    select 1 from commands where commands.target_id = targets.target_id
      and commands.answered_at_ms is null limit 1
  ) is null then 0 else 1 end as has_commands`;

/** See {@link TickStore}. */
export function createTickStore(context: StoreContext): TickStore {
  const { dialect } = context;
  const history = createHistory(context);
  const evidence = createEvidence(context);
  const outbox = createOutboxStore(context);

  async function ofTargets<Row>(
    table: string,
    columns: string[],
    rest: string,
    ids: string[],
  ): Promise<Row[]> {
    // In this order, whatever SQLite believes of the sizes.
    const result = await context.db().raw(
      `select ${columns.join(', ')}
       from ${jsonRows(dialect, { id: 'text' })}
       cross join ${table} where ${table}.target_id = v.id
         and ${isAmong(dialect, `${table}.target_id`)} ${rest}`,
      [jsonParameter(ids.map(id => ({ id }))), idsParameter(dialect, ids)],
    );
    return dialect.kind === 'postgres' ? result.rows : result;
  }

  async function loadAll(
    leases: Lease[],
  ): Promise<Array<Settled<LoadedTarget | undefined>>> {
    const ids = leases.map(({ id }) => id);
    const [targets, deployments] = await Promise.all([
      ofTargets<DbTarget & { has_commands: number }>(
        'targets',
        [...TARGET_COLUMNS.map(column => `targets.${column}`), HAS_COMMANDS],
        '',
        ids,
      ),
      ofTargets<DbDeployment & { target_id: string }>(
        'deployments',
        ['target_id', ...DEPLOYMENT_COLUMNS].map(
          column => `deployments.${column}`,
        ),
        'and deployments.terminal = 0',
        ids,
      ),
    ]);
    // Verbs of people are rare: mostly there is nothing to read.
    const commands = targets.some(row => row.has_commands === 1)
      ? await ofTargets<DbCommand & { target_id: string }>(
          'commands',
          ['target_id', ...COMMAND_COLUMNS].map(column => `commands.${column}`),
          'and commands.answered_at_ms is null order by commands.seq',
          ids,
        )
      : [];
    const found = new Map<string, LoadedTarget>();
    const epochs = new Map(leases.map(({ id, epoch }) => [id, epoch]));
    for (const row of targets) {
      const epoch = epochs.get(row.target_id) ?? 0;
      found.set(row.target_id, {
        row: targetFromDb({ ...row, epoch }),
        open: [],
        commands: [],
      });
    }
    for (const row of deployments.sort(oldestFirst)) {
      found.get(row.target_id)?.open.push(deploymentFromDb(row));
    }
    for (const row of commands) {
      found.get(row.target_id)?.commands.push(commandFromDb(row));
    }
    return leases.map(({ id }) => ({ value: found.get(id) }));
  }

  /** Those that were not at the expected version make the whole lot fail. */
  async function update(
    tx: StoreTx,
    sql: string,
    rows: Array<{ id: string; version: number }>,
  ): Promise<void> {
    if (rows.length === 0) {
      return;
    }
    const result = await tx.raw(sql, [
      jsonParameter(rows),
      idsParameter(
        dialect,
        rows.map(({ id }) => id),
      ),
    ]);
    const written: Array<{ id: string }> =
      dialect.kind === 'postgres' ? result.rows : result;
    if (written.length !== rows.length) {
      const ids = new Set(written.map(({ id }) => id));
      const missing = rows.find(({ id }) => !ids.has(id));
      throw new VersionConflictError(
        `${missing?.id} is not at version ${missing?.version} any more, or is gone; read it again`,
      );
    }
  }

  const updateTargets = `
    update targets set record = v.record, hold = v.hold,
      foreign_epoch = v.foreign_epoch, row_version = v.version + 1
    from ${jsonRows(dialect, TARGET_ROWS)}
    where targets.target_id = v.id and targets.row_version = v.version
      and ${isAmong(dialect, 'targets.target_id')}
    returning targets.target_id as id`;

  const updateDeployments = `
    update deployments set plan_id = v.plan_id, status = v.status,
      terminal = v.terminal, finished_at_ms = v.finished_at_ms,
      data = v.data, rollout = v.rollout, row_version = v.version + 1
    from ${jsonRows(dialect, DEPLOYMENT_ROWS)}
    where deployments.id = v.id and deployments.row_version = v.version
      and ${isAmong(dialect, 'deployments.id')}
    returning deployments.id as id`;

  async function write(tx: StoreTx, saves: TickSave[]): Promise<void> {
    await update(
      tx,
      updateTargets,
      saves.map(({ row }) => ({
        id: stringifyTarget(row.target),
        version: row.rowVersion,
        ...targetToDb(row),
      })),
    );
    await update(
      tx,
      updateDeployments,
      saves.flatMap(({ deployments }) =>
        deployments.map(row => ({
          id: row.id,
          version: row.rowVersion,
          ...deploymentToDb(row),
        })),
      ),
    );
    await insertMeasurements(
      context,
      tx,
      saves.flatMap(({ measurements }) => measurements),
    );
    for (const save of saves) {
      for (const { deploymentId, evidence: found } of save.evidence) {
        await evidence.saveEvidence(deploymentId, found, tx);
      }
    }
    await history.addEvents(
      saves.flatMap(({ events }) => events),
      tx,
    );
    await outbox.add(
      saves.flatMap(({ news }) => news),
      tx,
    );
    await addFeed(context, saves.flatMap(feedOf), tx);
  }

  async function saveTogether(
    saves: TickSave[],
  ): Promise<Array<Settled<TargetRow>>> {
    return await context.inTransaction(undefined, async tx => {
      const held = await holdLeases(
        context,
        tx,
        saves.map(({ lease }) => lease),
      );
      await write(
        tx,
        saves.filter(({ lease }) => held.has(lease.id)),
      );
      return saves.map(({ lease, row }) =>
        held.has(lease.id)
          ? {
              value: {
                ...row,
                rowVersion: row.rowVersion + 1,
                epoch: lease.epoch,
              },
            }
          : { error: leaseLost(lease, 'write') },
      );
    });
  }

  async function saveAlone(save: TickSave): Promise<Settled<TargetRow>> {
    try {
      return (await saveTogether([save]))[0];
    } catch (error) {
      return { error };
    }
  }

  async function saveAll(
    saves: TickSave[],
  ): Promise<Array<Settled<TargetRow>>> {
    try {
      return await saveTogether(saves);
    } catch (error) {
      if (saves.length === 1) {
        throw error;
      }
      context.logger.debug(
        `${saves.length} targets are saved one by one, together they could not be: ${error}`,
      );
      return await Promise.all(saves.map(saveAlone));
    }
  }

  const gatherLoads = createGatherer(loadAll, { lanes: dialect.lanes });
  const gatherSaves = createGatherer(saveAll, { lanes: dialect.lanes });
  return {
    load: lease => gatherLoads(lease),
    async save(save) {
      checkSubjects(save);
      return await gatherSaves(save);
    },
  };
}

/** As `DeploymentsStore.open` gives them. */
function oldestFirst(a: DbDeployment, b: DbDeployment): number {
  const later = toNumber(a.created_at_ms) - toNumber(b.created_at_ms);
  return later || (a.id < b.id ? -1 : 1);
}

/** A lease allows to write to its own target only. */
function checkSubjects({ lease, row, deployments }: TickSave): void {
  for (const subject of [
    stringifyTarget(row.target),
    ...deployments.map(deployment => stringifyTarget(deployment)),
  ]) {
    if (lease.kind !== 'target' || lease.id !== subject) {
      throw new Error(
        `The lease of ${lease.kind} ${lease.id} does not allow a write to target ${subject}`,
      );
    }
  }
}

function feedOf(save: TickSave): Array<Omit<FeedEntry, 'cursor'>> {
  const { row, deployments, measurements } = save;
  const { service } = row.target;
  const changed = new Set(deployments.map(({ id }) => id));
  return [
    {
      kind: 'target',
      subject: stringifyTarget(row.target),
      service,
      version: row.rowVersion + 1,
    },
    ...deployments.map(deployment => ({
      kind: 'deployment' as const,
      subject: deployment.id,
      service,
      version: deployment.rowVersion + 1,
    })),
    ...measurements
      .filter(({ deploymentId }) => !changed.has(deploymentId))
      .map(({ deploymentId, rowVersion }) => ({
        kind: 'deployment' as const,
        subject: deploymentId,
        service,
        version: rowVersion,
      })),
  ];
}
