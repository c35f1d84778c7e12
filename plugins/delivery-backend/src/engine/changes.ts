import { randomUUID } from 'node:crypto';
import {
  Actor,
  Command,
  CommandAnswer,
  Deployment,
  Measurement,
  Reason,
  TimelineEvent,
  isTerminalDeployment,
} from '@slipway/backstage-plugin-delivery-common';
import {
  DeliveryStore,
  DeploymentEvidence,
  Lease,
  LoadedTarget,
  TargetRow,
} from '../store';
import { EngineContext } from './context';
import { LeaseKeeper } from './leaseKeeper';
import { News, newsOfTransition } from './news';
import { sameJson } from './sameJson';

/** A deployment to create, found again by its key. */
export type NewDeployment = Deployment & { idempotencyKey: string };

interface AuditEntry {
  actor: Actor;
  verb: string;
  subject: string;
  reason?: string;
  outcome: string;
}

/**
 * What a round decided, gathered to be written in one transaction: either all
 * of it happened or none of it.
 */
export class Changes {
  /** The target as it will be. */
  row: TargetRow;
  readonly answers: CommandAnswer[] = [];
  readonly events: TimelineEvent[] = [];
  readonly created: NewDeployment[] = [];
  readonly measurements: Array<{ deploymentId: string; rows: Measurement[] }> =
    [];
  readonly audits: AuditEntry[] = [];
  readonly evidence: Array<{
    deploymentId: string;
    evidence: Partial<DeploymentEvidence>;
  }> = [];
  /** Makes our epoch newer than the world's. */
  takeOverFrom?: number;

  /** The target as it was loaded. */
  readonly original: TargetRow;
  readonly #told: News[] = [];
  readonly #original = new Map<string, Deployment>();
  readonly #current = new Map<string, Deployment>();
  /** Of the deployments as they are; to compare them takes a while. */
  #changed: Deployment[] | undefined;

  constructor(row: TargetRow, open: Deployment[], readonly nowMs: number) {
    this.row = row;
    this.original = row;
    for (const deployment of open) {
      this.#original.set(deployment.id, deployment);
      this.#current.set(deployment.id, deployment);
    }
  }

  deployment(id: string): Deployment | undefined {
    return this.#current.get(id);
  }

  setDeployment(deployment: Deployment): void {
    this.#current.set(deployment.id, deployment);
    this.#changed = undefined;
  }

  answer(command: Command, accepted: boolean, message: string): void {
    this.answers.push({ commandId: command.id, accepted, message });
  }

  event(event: {
    type: string;
    message: string;
    level?: TimelineEvent['level'];
    deploymentId?: string;
    releaseId?: string;
    actor?: Actor;
    reason?: Reason;
  }): void {
    const { service, environment } = this.row.target;
    const releaseId =
      event.releaseId ??
      (event.deploymentId
        ? this.#current.get(event.deploymentId)?.releaseId
        : undefined);
    this.events.push({
      id: randomUUID(),
      atMs: this.nowMs,
      level: 'info',
      service,
      environment,
      ...event,
      ...(releaseId ? { releaseId } : {}),
    });
  }

  /** What the owners hear beside how their deployments go; once for each key. */
  tell(news: News): void {
    this.#told.push(news);
  }

  changedDeployments(): Deployment[] {
    this.#changed ??= [...this.#current.values()].filter(
      deployment => !sameJson(deployment, this.#original.get(deployment.id)),
    );
    return this.#changed;
  }

  /** Nothing but what nearly every look writes: these are written together. */
  isCommon(): boolean {
    return (
      this.answers.length === 0 &&
      this.created.length === 0 &&
      this.audits.length === 0 &&
      this.takeOverFrom === undefined
    );
  }

  /** What the next look of the same tick begins with, once this one is stored. */
  after(row: TargetRow): LoadedTarget {
    const raised = new Set(
      row === this.row ? [] : this.changedDeployments().map(({ id }) => id),
    );
    return {
      row,
      open: [...this.#current.values()]
        .filter(({ status }) => !isTerminalDeployment(status))
        .map(deployment =>
          raised.has(deployment.id)
            ? { ...deployment, rowVersion: deployment.rowVersion + 1 }
            : deployment,
        ),
      commands: [],
    };
  }

  isEmpty(): boolean {
    return (
      this.answers.length === 0 &&
      this.events.length === 0 &&
      this.created.length === 0 &&
      this.measurements.length === 0 &&
      this.audits.length === 0 &&
      this.evidence.length === 0 &&
      this.#told.length === 0 &&
      this.takeOverFrom === undefined &&
      sameJson(this.row, this.original) &&
      this.changedDeployments().length === 0
    );
  }

  news(): News[] {
    const transitions = this.changedDeployments().flatMap(
      after =>
        newsOfTransition({
          before: this.#original.get(after.id),
          after,
          owner: this.row.owner,
        }) ?? [],
    );
    return [...transitions, ...this.#told];
  }
}

/**
 * Writes the changes, or nothing. The target row goes first: it is what checks
 * the lease and the version for everything that follows.
 *
 * Errors: `LeaseLostError`, `VersionConflictError`.
 */
export async function commit(options: {
  store: DeliveryStore;
  keeper: LeaseKeeper;
  changes: Changes;
}): Promise<{ row: TargetRow; news: number }> {
  const { store, keeper, changes } = options;
  keeper.assertHeld();
  const news = changes.news();
  if (changes.isCommon()) {
    const row = await store.ticks.save({
      lease: keeper.lease,
      row: changes.row,
      deployments: changes.changedDeployments(),
      measurements: changes.measurements.map(measured => ({
        ...measured,
        rowVersion: changes.deployment(measured.deploymentId)?.rowVersion ?? 0,
      })),
      evidence: changes.evidence,
      events: changes.events,
      news,
    });
    return { row, news: news.length };
  }
  const written = await store.transaction(async tx => {
    let lease: Lease = keeper.lease;
    if (changes.takeOverFrom !== undefined) {
      lease = await store.work.raiseEpoch(lease, changes.takeOverFrom + 1, tx);
    }
    const row = await store.targets.save(lease, changes.row, tx);
    for (const deployment of changes.changedDeployments()) {
      await store.deployments.save(lease, deployment, tx);
    }
    for (const deployment of changes.created) {
      await store.deployments.create(deployment, tx);
    }
    for (const { deploymentId, rows } of changes.measurements) {
      await store.deployments.addMeasurements(deploymentId, rows, tx);
    }
    for (const { deploymentId, evidence } of changes.evidence) {
      await store.deployments.saveEvidence(deploymentId, evidence, tx);
    }
    if (changes.answers.length > 0) {
      await store.commands.answer(changes.answers, tx);
    }
    if (changes.events.length > 0) {
      await store.deployments.addEvents(changes.events, tx);
    }
    if (news.length > 0) {
      await store.outbox.add(news, tx);
    }
    for (const audit of changes.audits) {
      await store.audit({ atMs: changes.nowMs, ...audit }, tx);
    }
    return { row, lease };
  });
  if (written.lease !== keeper.lease && changes.takeOverFrom !== undefined) {
    keeper.replace(written.lease);
  }
  return { row: written.row, news: news.length };
}

/** Commits and tells the outbox worker of news; the row as it is stored now. */
export async function save(
  context: EngineContext,
  changes: Changes,
  keeper: LeaseKeeper,
): Promise<TargetRow> {
  const { row, news } = await commit({ store: context.store, keeper, changes });
  if (news > 0) {
    context.onNews();
  }
  return row;
}
