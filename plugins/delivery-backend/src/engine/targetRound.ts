import {
  Command,
  Deployment,
  RolloutState,
  TargetRef,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { DecideOutput } from '../rollout';
import { Changes, save } from './changes';
import { forgiveAbsence } from './absence';
import { applyDecision } from './applyDecision';
import { bringAbout } from './bringAbout';
import { compareLogs } from './candidateLogs';
import { EngineContext, memoryOf } from './context';
import { keepEvidence } from './evidence';
import { activeRollout } from './deploymentRows';
import { heedDrift } from './drift';
import { holdForeign } from './foreignEpoch';
import { lookAtGiveBack } from './giveBack';
import { observeJobs, runJobs } from './jobs';
import { LeaseKeeper } from './leaseKeeper';
import { rememberMeasurements, takeMeasurements } from './measuring';
import { Carried, earliest, Round, RoundResult } from './round';
import { sameJson } from './sameJson';
import { updateStableHealth } from './stableHealth';
import { takeTurn } from './takeTurn';
import { answerCommands } from './targetCommands';

const NO_CONNECTION_CHECK_MS = 60_000;

/*
 * One look at a target:
 *
 *   load -> verbs -> who waits -> observe -> measure -> decide
 *        -> ONE transaction -> converge
 *
 * Everything before the transaction only reads (a Plan that is rendered is
 * stored by its hash, which changes nothing by being done twice). A process
 * that dies anywhere leaves either nothing or all of the transaction; what
 * converge did or did not do is seen by the next look.
 */
export async function lookAtTarget(
  context: EngineContext,
  target: TargetRef,
  keeper: LeaseKeeper,
  carried: Carried,
): Promise<RoundResult> {
  const { store, clock } = context;
  const id = stringifyTarget(target);
  const loaded = carried.loaded ?? (await store.ticks.load(keeper.lease));
  carried.loaded = undefined;
  if (!loaded) {
    context.memory.delete(id);
    context.observer.forget(target);
    return { again: false, tellSiblings: false };
  }
  const { row, open, commands } = loaded;
  const memory = memoryOf(context, id);
  const changes = new Changes(row, open, clock.now());
  const active = activeRollout(row.record.rollout);
  changes.row = {
    ...row,
    record: {
      ...forgiveAbsence(row.record, carried.lateMs ?? 0),
      ...(carried.applied ? { applied: carried.applied } : {}),
      ...(carried.conflict ? { conflict: carried.conflict.value } : {}),
    },
  };
  carried.conflict = undefined;
  carried.lateMs = undefined;
  const forRollout = await answer(context, changes, commands, open, active);

  if (changes.row.foreignEpoch !== undefined) {
    return await holdForeign({ context, changes, keeper, forRollout, active });
  }
  const connection = context.connections.get(target.environment);
  if (!connection) {
    return await withoutConnection(context, changes, keeper, open);
  }
  const { giveBack } = changes.row.record;
  if (giveBack) {
    return await lookAtGiveBack({
      context,
      changes,
      keeper,
      connection,
      memory,
      giveBack,
      open,
    });
  }
  const isIdle =
    open.length === 0 &&
    changes.isEmpty() &&
    !row.record.stable &&
    row.record.draining.length === 0 &&
    row.record.desired.generations.length === 0;
  if (isIdle) {
    context.memory.delete(id);
    context.observer.forget(target);
    return { again: false, tellSiblings: false };
  }
  return await lookAtWorld({
    context,
    changes,
    keeper,
    connection,
    memory,
    carried,
    forRollout,
    hasCommands: commands.length > 0,
    active,
    open,
  });
}

async function answer(
  context: EngineContext,
  changes: Changes,
  commands: Command[],
  open: Deployment[],
  active: RolloutState | undefined,
): Promise<Command[]> {
  if (commands.length === 0) {
    return [];
  }
  const { store } = context;
  const { target, record } = changes.row;
  const ended = new Map<string, Deployment>();
  for (const { subjectKind, subjectId } of commands) {
    if (subjectKind === 'deployment' && !changes.deployment(subjectId)) {
      const deployment = await store.deployments.get(subjectId);
      if (deployment) {
        ended.set(subjectId, deployment);
      }
    }
  }
  const restarts = commands.some(({ verb }) => verb === 'restart');
  return answerCommands(changes, commands, {
    queue: context.environments.get(target.environment)?.queue ?? 'queue',
    startDeadlineMs: context.tuning.startDeadlineMs,
    activeId: active?.deploymentId,
    ended,
    open,
    canGiveBack:
      context.connections.get(target.environment)?.giveBack !== undefined,
    stableRelease:
      restarts && record.stable
        ? await context.releases.get(record.stable.releaseId)
        : undefined,
  });
}

async function withoutConnection(
  context: EngineContext,
  changes: Changes,
  keeper: LeaseKeeper,
  open: Deployment[],
): Promise<RoundResult> {
  const { environment } = changes.row.target;
  for (const { id } of open) {
    const deployment = changes.deployment(id);
    if (deployment && !deployment.outcome) {
      changes.setDeployment({
        ...deployment,
        status: 'errored',
        reason: {
          code: 'no-connection',
          message: `The environment "${environment}" has no connection on this backend`,
          action: 'Configure it in delivery.environments',
        },
      });
    }
  }
  if (!changes.isEmpty()) {
    await save(context, changes, keeper);
  }
  return {
    again: false,
    wakeAtMs:
      open.length > 0 || changes.row.record.giveBack
        ? changes.nowMs + NO_CONNECTION_CHECK_MS
        : undefined,
    tellSiblings: false,
  };
}

/** Whether the decision asks for another look at once. */
function hasMoved(changes: Changes, decision: DecideOutput): boolean {
  const before = changes.original.record;
  const { desired, rollout } = decision.record;
  return (
    !sameJson(before.desired, desired) ||
    before.rollout?.deploymentId !== rollout?.deploymentId ||
    before.rollout?.stepIndex !== rollout?.stepIndex ||
    before.rollout?.phase !== rollout?.phase ||
    before.rollout?.analyses.length !== rollout?.analyses.length ||
    decision.answers.length > 0 ||
    decision.finished.length > 0 ||
    changes.created.length > 0 ||
    changes.takeOverFrom !== undefined ||
    before.conflict?.takeOver !== changes.row.record.conflict?.takeOver
  );
}

async function lookAtWorld(round: Round): Promise<RoundResult> {
  const { context, changes, keeper, connection, memory } = round;
  const { target } = changes.row;

  const { turn, start, wakeAtMs: waitingWakeAtMs } = await takeTurn(round);
  const [world, measured, novelty, jobs] = await Promise.all([
    context.observer.observe(
      target,
      connection,
      {
        delegated: changes.row.record.desired.delegated !== undefined,
        revision: changes.row.record.desired.revision,
      },
      keeper.signal,
    ),
    takeMeasurements(round),
    compareLogs(round),
    observeJobs(round),
  ]);
  const nowMs = context.clock.now();
  const before = changes.row.record;
  const decision = context.rooms.decide({
    record: before,
    start,
    world,
    // The verbs on a deployment that is superseded right now are answered by
    // the next look, which finds it ended.
    commands: start ? [] : round.forRollout,
    verdicts: measured.verdicts,
    jobs,
    nowMs,
  });
  const stableHealth = updateStableHealth(
    { ...decision.record, stableHealth: before.stableHealth },
    world.workloads,
    nowMs,
  );
  const heeded = heedDrift({
    context,
    changes,
    record: { ...decision.record, applied: before.applied, stableHealth },
    world,
    trouble: memory.trouble?.reason.message,
    nowMs,
  });
  changes.row = { ...changes.row, record: heeded.record };
  applyDecision(round, decision, start, turn, memory.trouble?.reason);
  await keepEvidence(round, { logs: novelty, traffic: world.traffic });
  const moved = hasMoved(changes, decision) || heeded.repairs;

  const row = changes.isEmpty()
    ? changes.row
    : await save(context, changes, keeper);
  rememberMeasurements(round, row.rowVersion, measured.measurements);
  if (changes.isCommon() && !round.hasCommands) {
    round.carried.loaded = changes.after(row);
  }
  let brought = await bringAbout({ round, row, world, moved, nowMs });
  if (!brought.isForeign) {
    const ran = await runJobs(round, row, jobs);
    brought = ran.isForeign
      ? ran
      : { ...brought, again: brought.again || ran.again };
  }
  return {
    again: moved || brought.again,
    wakeAtMs: brought.isForeign
      ? brought.wakeAtMs
      : earliest(
          decision.wakeAtMs,
          heeded.wakeAtMs,
          measured.nextAtMs,
          waitingWakeAtMs,
          brought.wakeAtMs,
        ),
    tellSiblings:
      decision.finished.length > 0 ||
      !sameJson(before.stableHealth, stableHealth),
  };
}
