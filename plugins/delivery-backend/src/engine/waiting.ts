import {
  Deployment,
  TargetRef,
  isKnown,
} from '@slipway/backstage-plugin-delivery-common';
import {
  AfterInput,
  GatesResult,
  QueueMode,
  describeDuration,
  evaluateGates,
  queuePolicy,
} from '../governance';
import { Changes } from './changes';
import { EngineContext } from './context';
import { withOutcome } from './deploymentRows';
import { updateStableHealth } from './stableHealth';

/** A gate is looked at again so often even when nothing tells of a change. */
const GATE_CHECK_MS = 5_000;

/** The turn of one deployment, and who has been overtaken by it. */
export interface Turn {
  deployment: Deployment;
  superseded: Deployment[];
  bypassed: GatesResult['bypassed'];
}

export interface WaitingResult {
  turn?: Turn;
  wakeAtMs?: number;
}

async function afterInputs(
  context: EngineContext,
  deployment: Deployment,
): Promise<AfterInput[]> {
  if (deployment.kind !== 'deploy') {
    return [];
  }
  const release = await context.releases.get(deployment.releaseId);
  const model = release?.definition?.environments.find(
    ({ ref }) => ref === deployment.environment,
  );
  return await Promise.all(
    (model?.after ?? []).map(async ({ ref, healthyForMs }) => {
      const row = await context.store.targets.get({
        service: deployment.service,
        environment: ref,
      });
      const { stable, stableHealth } = row?.record ?? {};
      return {
        ref,
        healthyForMs,
        stableReleaseId: stable?.releaseId,
        healthySinceMs:
          stable && stableHealth?.generation === stable.generation
            ? stableHealth.healthySinceMs
            : undefined,
      };
    }),
  );
}

/**
 * What was remembered of the other environment may be old. Before its gate
 * opens it is looked at with our own eyes; unknown does not open a gate.
 */
async function stillHealthy(
  context: EngineContext,
  target: TargetRef,
  signal: AbortSignal,
): Promise<{ healthy: boolean; detail?: string }> {
  const connection = context.connections.get(target.environment);
  const row = await context.store.targets.get(target);
  if (!connection || !row) {
    return { healthy: false, detail: 'it has no connection' };
  }
  const { workloads } = await context.observer.observe(
    target,
    connection,
    { delegated: false },
    signal,
  );
  if (!isKnown(workloads)) {
    return { healthy: false, detail: `it is not known (${workloads.unknown})` };
  }
  const before = row.record.stableHealth;
  const now = updateStableHealth(row.record, workloads, context.clock.now());
  return now?.healthySinceMs !== undefined &&
    now.healthySinceMs === before?.healthySinceMs
    ? { healthy: true }
    : { healthy: false, detail: 'instances are not ready or restarted' };
}

/** Ends what has waited for as long as it may; the others. */
export function cancelOverdue(
  changes: Changes,
  waiting: Deployment[],
): Deployment[] {
  return waiting.filter(deployment => {
    if (changes.nowMs < deployment.deadlineMs) {
      return true;
    }
    const message = `Did not start in ${describeDuration(
      deployment.deadlineMs - deployment.createdAtMs,
    )}${
      deployment.waitingFor?.length
        ? `: ${deployment.waitingFor.map(gate => gate.message).join('; ')}`
        : ''
    }`;
    changes.setDeployment(
      withOutcome(deployment, 'cancelled', changes.nowMs, {
        code: 'start-deadline-exceeded',
        message,
        action: 'Deploy it again',
      }),
    );
    changes.event({
      type: 'deployment-cancelled',
      message,
      level: 'warning',
      deploymentId: deployment.id,
    });
    return false;
  });
}

/** A deployment that may not wait here ends, and says why. */
function reject(changes: Changes, deployment: Deployment) {
  const message =
    'The environment takes one deployment at a time and another one came first';
  changes.setDeployment(
    withOutcome(deployment, 'cancelled', changes.nowMs, {
      code: 'queue-rejected',
      message,
      action: 'Deploy it again when the other one has ended',
    }),
  );
  changes.event({
    type: 'deployment-cancelled',
    message,
    level: 'warning',
    deploymentId: deployment.id,
  });
}

/**
 * Looks at what waits: ends what waited too long, evaluates the gates, and says
 * whose turn it is. Changes the rows that wait, never the one whose turn it is.
 */
export async function lookAtWaiting(options: {
  context: EngineContext;
  changes: Changes;
  mode: QueueMode;
  waiting: Deployment[];
  active?: { id: string; kind: Deployment['kind']; aborting: boolean };
  /** Starts that wait for their back-off. */
  notBefore: (deploymentId: string) => number | undefined;
  signal: AbortSignal;
}): Promise<WaitingResult> {
  const { context, changes, mode, active, notBefore, signal } = options;
  const { nowMs } = changes;
  const waiting = cancelOverdue(changes, options.waiting);
  const wakes: number[] = waiting.map(({ deadlineMs }) => deadlineMs);
  const gates = new Map<string, GatesResult>();

  for (const deployment of waiting) {
    const after = await afterInputs(context, deployment);
    let result = evaluateGates({
      deployment,
      hold: changes.row.hold,
      after,
      nowMs,
    });
    if (
      result.open &&
      result.gates.length > 0 &&
      (!active || mode === 'supersede')
    ) {
      for (const input of after) {
        const other = await stillHealthy(
          context,
          { service: deployment.service, environment: input.ref },
          signal,
        );
        if (!other.healthy) {
          input.healthySinceMs = undefined;
          input.detail = other.detail;
        }
      }
      result = evaluateGates({
        deployment,
        hold: changes.row.hold,
        after,
        nowMs,
      });
    }
    gates.set(deployment.id, result);
    if (!result.open) {
      const countdown = after
        .filter(({ healthySinceMs }) => healthySinceMs !== undefined)
        .map(({ healthyForMs }) => Math.max(1_000, healthyForMs / 10));
      wakes.push(
        Math.min(
          result.opensAtMs ?? Infinity,
          nowMs + Math.min(GATE_CHECK_MS, ...countdown),
        ),
      );
      for (const input of after) {
        if (
          input.stableReleaseId === deployment.releaseId &&
          input.healthySinceMs === undefined
        ) {
          // It has to look at itself to find out that it is well again.
          await context.store.work.poke(
            'target',
            `${deployment.service}@${input.ref}`,
          );
        }
      }
    }
  }

  const ready = waiting.filter(({ id }) => {
    const atMs = notBefore(id);
    if (atMs !== undefined && atMs > nowMs) {
      wakes.push(atMs);
      return false;
    }
    return true;
  });
  const decision = queuePolicy({
    mode,
    active,
    pending: ready.map(({ id, kind, createdBy }) => ({
      id,
      kind,
      createdBy,
      open: gates.get(id)?.open ?? false,
    })),
  });
  for (const deployment of waiting) {
    const result = gates.get(deployment.id);
    if (decision.rejected.includes(deployment.id)) {
      reject(changes, deployment);
    } else if (deployment.id !== decision.start && result) {
      const closed = result.gates.filter(gate => !gate.open);
      const errored = notBefore(deployment.id) !== undefined;
      const waitingStatus = closed.length > 0 ? 'gated' : 'queued';
      changes.setDeployment({
        ...deployment,
        status: errored ? deployment.status : waitingStatus,
        waitingFor: closed.length > 0 ? result.gates : undefined,
      });
    }
  }
  const start = waiting.find(({ id }) => id === decision.start);
  return {
    ...(start
      ? {
          turn: {
            deployment: start,
            superseded: waiting.filter(({ id }) =>
              decision.superseded.includes(id),
            ),
            bypassed: gates.get(start.id)?.bypassed ?? [],
          },
        }
      : {}),
    ...(wakes.length > 0 ? { wakeAtMs: Math.min(...wakes) } : {}),
  };
}
