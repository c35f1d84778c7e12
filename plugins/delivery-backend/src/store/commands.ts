import { ConflictError, NotFoundError } from '@backstage/errors';
import {
  Command,
  CommandAnswer,
  ServiceRef,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { StoreContext } from './context';
import { addFeed } from './feed';
import { chunks, nullable, optional, toNumber } from './rows';
import { CommandsStore, Lease, StoreTx, VersionConflictError } from './types';
import { poke } from './work';

export interface DbCommand {
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

export const COLUMNS = [
  'id',
  'verb',
  'subject_kind',
  'subject_id',
  'actor',
  'reason',
  'data',
  'created_at_ms',
  'answered_at_ms',
  'accepted',
  'message',
];

/** Table and key of what a command is for. */
const SUBJECT_TABLES: Record<Command['subjectKind'], [string, string]> = {
  deployment: ['deployments', 'id'],
  target: ['targets', 'target_id'],
  release: ['releases', 'id'],
};

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
        if (!subject) {
          throw new NotFoundError(
            `No ${command.subjectKind} "${command.subjectId}": it never was, or retention has deleted it`,
          );
        }
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
        await feed(context, tx, command, subject);
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
        const answered: DbCommand[] = await tx('commands')
          .where({ id: answer.commandId })
          .whereNull('answered_at_ms')
          .update({
            answered_at_ms: tx.raw(context.dialect.nowSql()),
            accepted: answer.accepted ? 1 : 0,
            message: answer.message,
          })
          .returning('*');
        for (const row of answered) {
          const command = fromDb(row);
          const subject = await findSubject(tx, command);
          if (subject) {
            await feed(context, tx, command, subject);
          }
        }
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

interface Subject {
  service: ServiceRef;
  rowVersion: number;
  /** The work item that answers the command. */
  work: Pick<Lease, 'kind' | 'id'>;
}

async function findSubject(
  tx: StoreTx,
  { subjectKind, subjectId }: Command,
): Promise<Subject | undefined> {
  const [table, key] = SUBJECT_TABLES[subjectKind];
  const columns = ['service_ref', 'row_version'];
  const row:
    | {
        service_ref: ServiceRef;
        row_version: number | string;
        target_id?: string;
      }
    | undefined = await tx(table)
    .where({ [key]: subjectId })
    .first(subjectKind === 'release' ? columns : [...columns, 'target_id']);
  return (
    row && {
      service: row.service_ref,
      rowVersion: toNumber(row.row_version),
      work:
        row.target_id === undefined
          ? { kind: 'release', id: subjectId }
          : { kind: 'target', id: row.target_id },
    }
  );
}

/** A command that waits, and its answer, are shown on the subject's page. */
function feed(
  context: StoreContext,
  tx: StoreTx,
  command: Command,
  { service, rowVersion }: Subject,
): Promise<void> {
  return addFeed(
    context,
    [
      {
        kind: command.subjectKind,
        subject: command.subjectId,
        service,
        version: rowVersion,
      },
    ],
    tx,
  );
}

export function fromDb(row: DbCommand): Command {
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
