import { ConflictError, NotFoundError } from '@backstage/errors';
import {
  Command,
  CommandAnswer,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { StoreContext } from './context';
import { chunks, nullable, optional, toNumber } from './rows';
import { CommandsStore, Lease, StoreTx, VersionConflictError } from './types';
import { poke } from './work';

interface DbCommand {
  id: string;
  verb: Command['verb'];
  subject_kind: Command['subjectKind'];
  subject_id: string;
  actor: string;
  reason: string | null;
  data: string | null;
  created_at_ms: number | string;
  answered_at_ms: number | string | null;
  accepted: number | null;
  message: string | null;
}

export function createCommandsStore(context: StoreContext): CommandsStore {
  const { db } = context;

  return {
    async add({ idempotencyKey, expectedVersion, ...command }) {
      return context.inTransaction(undefined, async tx => {
        const before = await find(tx, command, idempotencyKey);
        if (before) {
          return before;
        }
        const subject = await findSubject(tx, command);
        if (
          expectedVersion !== undefined &&
          expectedVersion !== subject.rowVersion
        ) {
          throw new VersionConflictError(
            `The ${command.subjectKind} ${command.subjectId} is at version ${subject.rowVersion}, expected ${expectedVersion}: it has changed since you looked; look again and repeat "${command.verb}" if it is still wanted`,
          );
        }
        // The work item first: the lock order of a tick.
        await poke(context, subject.work.kind, subject.work.id, undefined, tx);
        const inserted: Array<{ id: string }> = await tx('commands')
          .insert({
            id: command.id,
            verb: command.verb,
            subject_kind: command.subjectKind,
            subject_id: command.subjectId,
            target_id: subject.work.kind === 'target' ? subject.work.id : null,
            actor: JSON.stringify(command.actor),
            reason: nullable(command.reason),
            data: JSON.stringify(command),
            created_at_ms: command.createdAtMs,
            idempotency_key: nullable(idempotencyKey),
          })
          .onConflict()
          .ignore()
          .returning('id');
        if (inserted.length === 0) {
          // Another request with the same key was quicker.
          const winner = await find(tx, command, idempotencyKey);
          if (!winner) {
            throw new ConflictError(
              `Command ${command.id} meets another one of the same id; send it again`,
            );
          }
          return winner;
        }
        return { command };
      });
    },

    async pending(subjects, tx) {
      const commands: Command[] = [];
      for (const chunk of chunks([...new Set(subjects)], 500)) {
        const rows: DbCommand[] = await db(tx)('commands')
          .whereIn('subject_id', chunk)
          .whereNull('answered_at_ms')
          .orderBy('seq');
        commands.push(...rows.map(fromDb));
      }
      return commands;
    },

    async pendingForTarget(target, tx) {
      const rows: DbCommand[] = await db(tx)('commands')
        .where({ target_id: stringifyTarget(target) })
        .whereNull('answered_at_ms')
        .orderBy('seq');
      return rows.map(fromDb);
    },

    async answer(answers, tx) {
      for (const answer of answers) {
        // The first answer stands.
        await tx('commands')
          .where({ id: answer.commandId })
          .whereNull('answered_at_ms')
          .update({
            answered_at_ms: tx.raw(context.dialect.nowSql()),
            accepted: answer.accepted ? 1 : 0,
            message: answer.message,
          });
      }
    },

    async getAnswer(id) {
      const row: DbCommand | undefined = await db()('commands')
        .where({ id })
        .first();
      return row && answerFromDb(row);
    },
  };
}

async function find(
  tx: StoreTx,
  command: Command,
  idempotencyKey: string | undefined,
): Promise<{ command: Command; answer?: CommandAnswer } | undefined> {
  const query = tx('commands').where({ id: command.id });
  if (idempotencyKey !== undefined) {
    query.orWhere({
      subject_kind: command.subjectKind,
      subject_id: command.subjectId,
      idempotency_key: idempotencyKey,
    });
  }
  const row: DbCommand | undefined = await query.first();
  if (!row) {
    return undefined;
  }
  if (row.verb !== command.verb || row.subject_id !== command.subjectId) {
    throw new ConflictError(
      `The key of this command was used for "${row.verb}" on ${row.subject_id}, found "${command.verb}" on ${command.subjectId}; use a new key for another command`,
    );
  }
  return { command: fromDb(row), answer: answerFromDb(row) };
}

async function findSubject(
  tx: StoreTx,
  { subjectKind, subjectId }: Command,
): Promise<{ rowVersion: number; work: Pick<Lease, 'kind' | 'id'> }> {
  if (subjectKind === 'deployment') {
    const row:
      | {
          service_ref: string;
          environment: string;
          row_version: number | string;
        }
      | undefined = await tx('deployments')
      .where({ id: subjectId })
      .first('service_ref', 'environment', 'row_version');
    if (row) {
      const target = { service: row.service_ref, environment: row.environment };
      return {
        rowVersion: toNumber(row.row_version),
        work: { kind: 'target', id: stringifyTarget(target) },
      };
    }
  } else {
    const row: { row_version: number | string } | undefined =
      subjectKind === 'target'
        ? await tx('targets')
            .where({ target_id: subjectId })
            .first('row_version')
        : await tx('releases').where({ id: subjectId }).first('row_version');
    if (row) {
      return {
        rowVersion: toNumber(row.row_version),
        work: { kind: subjectKind, id: subjectId },
      };
    }
  }
  throw new NotFoundError(
    `No ${subjectKind} "${subjectId}": it never was, or retention has deleted it`,
  );
}

function fromDb(row: DbCommand): Command {
  return {
    ...(row.data ? JSON.parse(row.data) : {}),
    id: row.id,
    verb: row.verb,
    subjectKind: row.subject_kind,
    subjectId: row.subject_id,
    actor: JSON.parse(row.actor),
    reason: optional(row.reason),
    createdAtMs: toNumber(row.created_at_ms),
  };
}

function answerFromDb(row: DbCommand): CommandAnswer | undefined {
  return row.answered_at_ms === null
    ? undefined
    : {
        commandId: row.id,
        accepted: row.accepted === 1,
        message: row.message ?? '',
      };
}
