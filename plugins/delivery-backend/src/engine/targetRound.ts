import {
  Command,
  Deployment,
  Measurement,
  AnalysisVerdict,
  Reason,
  RolloutState,
  TargetRecord,
  TargetRef,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { Connection } from '@slipway/backstage-plugin-delivery-node';
import { holdAfterOutcome, isAutomation } from '../governance';
import { DecideOutput, RolloutRequest } from '../rollout';
import { TargetRow } from '../store';
import { Changes, commit } from './changes';
import { backOffMs, EngineContext, memoryOf, TargetMemory } from './context';
import { converge } from './converge';
import { convergeSteps, isConverged } from './convergeSteps';
import { activeRollout, withOutcome, withRollout } from './deploymentRows';
import { holdForeign, isStaleEpoch, markForeign } from './foreignEpoch';
import { LeaseKeeper } from './leaseKeeper';
import { prepareStart } from './prepareStart';
import { sameJson } from './sameJson';
import { updateStableHealth } from './stableHealth';
import { answerCommands } from './targetCommands';
import { withTimeLimit } from './timeLimit';
import { lookAtWaiting, Turn } from './waiting';
import { lookAgainAtMs, worldSignature } from './wake';

/** What one look at a target led to. */
export interface RoundResult {
  /** Something changed that asks for another look at once. */
  again: boolean;
  /** When to look again otherwise; undefined: when poked. */
  wakeAtMs?: number;
  /** Others may wait for what changed here. */
  tellSiblings: boolean;
}

/** What one look leaves to the next one of the same tick. */
export interface Carried {
  /** Of the last converge, not stored yet. */
  applied?: TargetRecord['applied'];
}

/** A write over the same view of the world is not repeated before this. */
const SAME_WRITE_AGAIN_MS = 5_000;
const MEASURE_LIMIT_MS = 10_000;
const NO_CONNECTION_CHECK_MS = 60_000;

const earliest = (...times: Array<number | undefined>) => {
  const known = times.filter((time): time is number => time !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
};

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
  const row = await store.targets.get(target);
  if (!row) {
    context.memory.delete(id);
    return { again: false, tellSiblings: false };
  }
  const open = await store.deployments.open(target);
  const commands = await store.commands.pendingForTarget(target);
  const memory = memoryOf(context, id);
  const changes = new Changes(row, open, clock.now());
  if (carried.applied) {
    changes.row = {
      ...changes.row,
      record: { ...changes.row.record, applied: carried.applied },
    };
  }
  const active = activeRollout(row.record.rollout);
  const forRollout = await answer(context, changes, commands, open, active);

  if (changes.row.foreignEpoch !== undefined) {
    return await holdForeign({ context, changes, keeper, forRollout, active });
  }
  const connection = context.connections.get(target.environment);
  if (!connection) {
    return await withoutConnection(context, changes, keeper, open);
  }
  const isIdle =
    open.length === 0 &&
    changes.isEmpty() &&
    !row.record.stable &&
    row.record.draining.length === 0 &&
    row.record.desired.generations.length === 0;
  if (isIdle) {
    context.memory.delete(id);
    return { again: false, tellSiblings: false };
  }
  return await decideAndConverge({
    context,
    changes,
    keeper,
    connection,
    memory,
    carried,
    forRollout,
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
      open.length > 0 ? changes.nowMs + NO_CONNECTION_CHECK_MS : undefined,
    tellSiblings: false,
  };
}

async function save(
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

interface Round {
  context: EngineContext;
  changes: Changes;
  keeper: LeaseKeeper;
  connection: Connection;
  memory: TargetMemory;
  carried: Carried;
  forRollout: Command[];
  active: RolloutState | undefined;
  open: Deployment[];
}

async function takeTurn(
  round: Round,
): Promise<{ turn?: Turn; start?: RolloutRequest; wakeAtMs?: number }> {
  const { context, changes, keeper, connection, memory, active, open } = round;
  const waiting = open.flatMap(({ id }) => {
    const deployment = changes.deployment(id);
    return deployment && !deployment.outcome && id !== active?.deploymentId
      ? deployment
      : [];
  });
  if (waiting.length === 0) {
    memory.startTrouble.clear();
    return {};
  }
  const { turn, wakeAtMs } = await lookAtWaiting({
    context,
    changes,
    mode:
      context.environments.get(changes.row.target.environment)?.queue ??
      'queue',
    waiting,
    active: active && {
      id: active.deploymentId,
      kind: active.kind,
      aborting: active.phase === 'aborting',
    },
    notBefore: id => memory.startTrouble.get(id)?.retryAtMs,
    signal: keeper.signal,
  });
  if (!turn) {
    return { wakeAtMs };
  }
  const { deployment } = turn;
  const prepared = await prepareStart({
    context,
    row: changes.row,
    deployment,
    connection,
    signal: keeper.signal,
  });
  if (prepared.ok) {
    memory.startTrouble.delete(deployment.id);
    return { turn, start: prepared.request, wakeAtMs };
  }
  const { reason, fault } = prepared;
  if (fault === 'content') {
    changes.setDeployment(
      withOutcome(deployment, 'failed', changes.nowMs, reason),
    );
    changes.event({
      type: 'deployment-failed',
      message: `Cannot be deployed: ${reason.message}`,
      level: 'error',
      deploymentId: deployment.id,
      reason,
    });
    return { wakeAtMs: changes.nowMs };
  }
  const attempts = (memory.startTrouble.get(deployment.id)?.attempts ?? 0) + 1;
  const retryAtMs = changes.nowMs + backOffMs(attempts);
  memory.startTrouble.set(deployment.id, { attempts, retryAtMs });
  changes.setDeployment({
    ...deployment,
    status: 'errored',
    reason,
    waitingFor: undefined,
  });
  return { wakeAtMs: earliest(wakeAtMs, retryAtMs) };
}

async function measure(round: Round): Promise<{
  verdicts: Record<string, AnalysisVerdict>;
  nextAtMs?: number;
}> {
  const { context, changes, keeper, connection, active } = round;
  const runs = (active?.analyses ?? []).filter(
    ({ status }) => status === 'running',
  );
  if (!active || runs.length === 0) {
    return { verdicts: {} };
  }
  const { rooms, store } = context;
  const before = await store.deployments.measurements(active.deploymentId);
  let fresh: Measurement[] = [];
  try {
    fresh = await withTimeLimit(
      'Measuring',
      MEASURE_LIMIT_MS,
      keeper.signal,
      signal =>
        rooms.measure({
          runs,
          target: changes.row.target,
          measurements: before,
          providers: connection.metrics,
          nowMs: changes.nowMs,
          signal,
        }),
    );
  } catch (error) {
    keeper.signal.throwIfAborted();
    // The judge sees that nothing came; the deadline of the analysis decides.
    context.logger.warn(
      `Could not measure ${stringifyTarget(changes.row.target)}: ${error}`,
    );
  }
  if (fresh.length > 0) {
    changes.measurements.push({
      deploymentId: active.deploymentId,
      rows: fresh,
    });
  }
  const measurements = [...before, ...fresh];
  const nowMs = context.clock.now();
  return {
    verdicts: Object.fromEntries(
      runs.map(run => [
        run.id,
        rooms.judge({
          run,
          measurements: measurements.filter(
            ({ analysisId }) => analysisId === run.id,
          ),
          nowMs,
        }),
      ]),
    ),
    nextAtMs: rooms.nextMeasurementAtMs({ runs, measurements, nowMs }),
  };
}

function applyDecision(
  round: Round,
  decision: DecideOutput,
  start: RolloutRequest | undefined,
  turn: Turn | undefined,
  trouble: Reason | undefined,
): void {
  const { changes, active } = round;
  const { nowMs } = changes;
  const { rollout } = decision.record;
  const started =
    start !== undefined && rollout?.deploymentId === start.deploymentId;

  for (const { commandId, accepted, message } of decision.answers) {
    changes.answers.push({ commandId, accepted, message });
  }
  if (started && turn) {
    begin(changes, turn);
  }
  for (const event of decision.events) {
    changes.event(event);
  }
  const running = rollout && changes.deployment(rollout.deploymentId);
  if (rollout && running && !running.outcome) {
    changes.setDeployment(withRollout(running, rollout, trouble));
  }
  for (const ended of decision.finished) {
    const deployment = changes.deployment(ended.deploymentId);
    if (!deployment) {
      continue;
    }
    const last =
      rollout?.deploymentId === ended.deploymentId ? rollout : active;
    changes.setDeployment(
      withOutcome(deployment, ended.outcome, nowMs, ended.reason, last),
    );
    if (ended.hold) {
      setHold(changes, deployment, ended);
    }
  }
}

function begin(changes: Changes, turn: Turn) {
  const { deployment, superseded, bypassed } = turn;
  changes.setDeployment({
    ...deployment,
    status: 'progressing',
    reason: undefined,
    startedAtMs: changes.nowMs,
    waitingFor: undefined,
    previousReleaseId: changes.row.record.stable?.releaseId,
  });
  changes.event({
    type: 'deployment-started',
    message: `${deployment.releaseVersion}: ${deployment.cause}`,
    deploymentId: deployment.id,
    actor: deployment.createdBy,
  });
  for (const gate of bypassed) {
    changes.event({
      type: 'gate-passed-over',
      message: `Started by a person in spite of: ${gate.message}`,
      level: 'warning',
      deploymentId: deployment.id,
      actor: deployment.createdBy,
    });
  }
  for (const overtaken of superseded) {
    const reason: Reason = {
      code: 'superseded',
      message: `Overtaken by ${deployment.releaseVersion} before it started`,
    };
    changes.setDeployment(
      withOutcome(overtaken, 'superseded', changes.nowMs, reason),
    );
    changes.event({
      type: 'deployment-superseded',
      message: reason.message,
      deploymentId: overtaken.id,
      reason,
    });
  }
}

function setHold(
  changes: Changes,
  deployment: Deployment,
  ended: DecideOutput['finished'][number],
) {
  const { hold } = changes.row;
  const isPersons = hold !== undefined && !isAutomation(hold.by);
  if (isPersons) {
    // What a person wrote there says more than we could.
    return;
  }
  const next = holdAfterOutcome({
    deployment,
    outcome: ended.outcome,
    reason: ended.reason,
    nowMs: changes.nowMs,
  });
  changes.row = { ...changes.row, hold: next };
  changes.event({
    type: 'hold-set',
    message: `Automation is on hold: ${next.reason}`,
    level: 'warning',
    deploymentId: deployment.id,
    actor: next.by,
  });
}

async function decideAndConverge(round: Round): Promise<RoundResult> {
  const { context, changes, keeper, connection, memory, carried } = round;
  const { clock, rooms, tuning } = context;
  const { target } = changes.row;

  const { turn, start, wakeAtMs: waitingWakeAtMs } = await takeTurn(round);
  const [world, measured] = await Promise.all([
    context.observer.observe(target, connection, keeper.signal),
    measure(round),
  ]);
  const nowMs = clock.now();
  const before = changes.row.record;
  const decision = rooms.decide({
    record: before,
    start,
    world,
    // The verbs on a deployment that is superseded right now are answered by
    // the next look, which finds it ended.
    commands: start ? [] : round.forRollout,
    verdicts: measured.verdicts,
    nowMs,
  });
  const stableHealth = updateStableHealth(
    { ...decision.record, stableHealth: before.stableHealth },
    world.workloads,
    nowMs,
  );
  changes.row = {
    ...changes.row,
    record: { ...decision.record, applied: before.applied, stableHealth },
  };
  applyDecision(round, decision, start, turn, memory.trouble?.reason);

  const moved =
    !sameJson(before.desired, decision.record.desired) ||
    before.rollout?.stepIndex !== decision.record.rollout?.stepIndex ||
    before.rollout?.phase !== decision.record.rollout?.phase ||
    before.rollout?.deploymentId !== decision.record.rollout?.deploymentId ||
    (before.rollout?.analyses.length ?? 0) !==
      (decision.record.rollout?.analyses.length ?? 0) ||
    decision.answers.length > 0 ||
    decision.finished.length > 0 ||
    changes.created.length > 0 ||
    changes.takeOverFrom !== undefined;
  const tellSiblings =
    decision.finished.length > 0 ||
    !sameJson(before.stableHealth, stableHealth);

  let { row } = changes;
  if (!changes.isEmpty()) {
    row = await save(context, changes, keeper);
  }

  const steps = convergeSteps(row.record, world);
  const signature = worldSignature(row.record, world);
  const converged = isConverged(steps);
  const isRepeated =
    memory.lastWrite?.signature === signature &&
    nowMs - memory.lastWrite.atMs < SAME_WRITE_AGAIN_MS;
  const mustWait =
    memory.trouble !== undefined && memory.trouble.retryAtMs > nowMs && !moved;
  let wrote = false;
  if (converged) {
    memory.trouble = undefined;
  } else if (!isRepeated && !mustWait) {
    try {
      const result = await converge({
        target,
        record: row.record,
        world,
        connection,
        plans: context.plans,
        keeper,
        callLimitMs: tuning.callLimitMs,
      });
      wrote = result.wrote || !sameJson(result.applied, row.record.applied);
      carried.applied = result.applied;
      memory.trouble = undefined;
      memory.lastWrite = { signature, atMs: nowMs };
    } catch (error) {
      keeper.signal.throwIfAborted();
      if (isStaleEpoch(error)) {
        return await markForeign({ context, row, keeper, error });
      }
      if (error instanceof Error && error.name === 'LeaseLostError') {
        throw error;
      }
      noteTrouble(context, memory, target, error, nowMs);
    }
  }

  return {
    again: moved || wrote,
    wakeAtMs: earliest(
      decision.wakeAtMs,
      measured.nextAtMs,
      waitingWakeAtMs,
      memory.trouble?.retryAtMs,
      lookAgainAtMs({
        record: row.record,
        world,
        steps,
        memory,
        nowMs,
        capMs: tuning.lookAgainCapMs,
        restCheckMs: tuning.restCheckMs,
      }),
    ),
    tellSiblings,
  };
}

function noteTrouble(
  context: EngineContext,
  memory: TargetMemory,
  target: TargetRef,
  error: unknown,
  nowMs: number,
) {
  const attempts = (memory.trouble?.attempts ?? 0) + 1;
  const message = error instanceof Error ? error.message : `${error}`;
  memory.trouble = {
    attempts,
    retryAtMs: nowMs + backOffMs(attempts),
    reason: {
      code: 'environment-unwritable',
      message: `The environment did not take what is wanted: ${message}`,
      action: 'It is tried again; abort to go back',
    },
  };
  context.logger.warn(
    `Could not converge ${stringifyTarget(
      target,
    )} (attempt ${attempts}): ${message}`,
  );
}
