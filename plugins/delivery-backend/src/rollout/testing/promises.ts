import {
  Desired,
  isKnown,
  isTerminalDeployment,
  TargetRecord,
  World,
} from '@slipway/backstage-plugin-delivery-common';
import { DecideOutput } from '../types';

/** One decision as the promises look at it. */
export interface Decision {
  before: TargetRecord;
  world: World;
  output: DecideOutput;
  nowMs: number;
}

/** Thrown with the promise that does not hold. */
function must(holds: boolean, promise: string, facts: unknown): void {
  if (!holds) {
    throw new Error(`${promise}\n${JSON.stringify(facts, undefined, 1)}`);
  }
}

function shareIn(desired: Desired, generation: string): number {
  return desired.shares.find(s => s.generation === generation)?.percent ?? 0;
}

function replicasIn(desired: Desired, generation: string): number {
  return (
    desired.generations.find(g => g.generation === generation)?.replicas ?? 0
  );
}

const ROLLBACK_CODES = [
  'metric-failed',
  'metric-no-data',
  'progress-deadline-exceeded',
  'crash-loop',
  'digest-mismatch',
  'hook-failed',
  'hook-deadline-exceeded',
  'controller-gave-up',
  'controller-rolled-back',
];

/**
 * Checks one decision against the promises of the engine that concern the
 * core. For property tests here and in the engine; throws when one is broken.
 */
export function checkPromises(decision: Decision): void {
  checkTraffic(decision);
  checkRoutes(decision);
  checkScaleDown(decision);
  checkStable(decision);
  checkOrder(decision);
  checkEnds(decision);
}

/** Promise 4: capacity. */
function checkTraffic({ before, world, output }: Decision): void {
  const { desired, rollout, stable } = output.record;
  const sum = desired.shares.reduce((all, s) => all + s.percent, 0);
  must(
    Math.abs(sum) < 1e-6 || Math.abs(sum - 100) < 1e-6,
    'Shares add up to 100 or to 0',
    desired,
  );
  if (!isKnown(world.workloads) || !isKnown(world.traffic)) {
    return;
  }
  if (desired.delegated) {
    // Who of what is in place serves is the controller's business; nothing
    // else may get anything.
    must(
      desired.shares.every(
        ({ generation }) => generation === stable?.generation,
      ),
      'While another controller leads, all traffic stays with what is in place',
      desired,
    );
    return;
  }
  const ready = new Map(
    world.workloads.known.generations.map(g => [g.generation, g.ready]),
  );
  const usable = (generation: string) =>
    Math.min(
      ready.get(generation) ?? 0,
      replicasIn(desired, generation),
      generation === stable?.generation
        ? rollout?.goal?.stableAtMost ?? Infinity
        : Infinity,
    );
  const rolling =
    rollout?.phase === 'stepping' && rollout.goal?.stableReplicas !== undefined;
  for (const { generation, percent } of desired.shares) {
    const isStable = generation === stable?.generation;
    const others = before.desired.shares.filter(
      s => s.generation !== generation && usable(s.generation) > 0,
    );
    must(
      usable(generation) > 0 || (isStable && others.length === 0),
      'A track with nothing ready gets no traffic',
      { generation, desired, world },
    );
    const replicas = [
      stable,
      rollout?.candidate,
      ...output.record.draining,
      ...before.draining,
    ].find(r => r?.generation === generation)?.replicas;
    const capacity = (100 * usable(generation)) / (replicas ?? 1);
    const stableIsGone = !stable || usable(stable.generation) === 0;
    must(
      percent <= capacity + 1e-6 || isStable || rolling || stableIsGone,
      'A track never gets more traffic than its ready capacity',
      { generation, percent, capacity, desired, world },
    );
  }
}

/** Promises 3 and 4 for what goes to the candidate beside its share. */
function checkRoutes({ world, output }: Decision): void {
  const { desired, rollout, stable } = output.record;
  const { routes = [] } = desired;
  if (
    routes.length === 0 ||
    !isKnown(world.workloads) ||
    !isKnown(world.traffic)
  ) {
    // In a world that is not known nothing is changed (`checkOrder`).
    return;
  }
  const step = rollout?.steps[rollout.stepIndex];
  must(
    rollout?.phase === 'stepping' &&
      stable !== undefined &&
      !(step?.step.type === 'promote' && step.status === 'active'),
    'Routes are for a canary that goes forward, and end before anything else',
    { routes, rollout },
  );
  for (const route of routes) {
    const ready = Math.min(
      world.workloads.known.generations.find(
        g => g.generation === route.generation,
      )?.ready ?? 0,
      replicasIn(desired, route.generation),
    );
    must(
      route.generation === rollout?.candidate.generation && ready > 0,
      'Routes lead to the candidate, and never to what has nothing ready',
      { route, desired, world },
    );
    const capacity = (100 * ready) / (rollout?.candidate.replicas ?? 1);
    must(
      route.type !== 'mirror' ||
        shareIn(desired, route.generation) + route.percent <= capacity + 1e-6,
      'Share and copies together never exceed the ready capacity',
      { route, capacity, desired },
    );
  }
}

/** Promise 4: nothing that serves is taken away. */
function checkScaleDown({ before, world, output, nowMs }: Decision): void {
  const { record } = output;
  const { desired, rollout } = record;
  for (const was of before.desired.generations) {
    const { generation } = was;
    if (desired.generations.some(g => g.generation === generation)) {
      continue;
    }
    const { delegated } = before.desired;
    if (was.inPlace && before.rollout?.goal?.delegated) {
      // What is in place is replaced there, and is no copy that is removed.
      must(
        delegated === undefined ||
          generation !== before.stable?.generation ||
          (world.delegated !== undefined &&
            isKnown(world.delegated) &&
            world.delegated.known.phase === 'succeeded' &&
            world.delegated.known.key === delegated.key),
        'Stable in place is given up when it is seen to be replaced',
        { generation, world, before: before.desired },
      );
      continue;
    }
    must(
      isKnown(world.traffic) &&
        isKnown(world.workloads) &&
        world.traffic.reflects >= before.desired.revision &&
        !world.traffic.known.accepted.some(
          s => s.generation === generation && s.percent > 0,
        ) &&
        !(world.traffic.known.routes ?? []).some(
          route => route.generation === generation,
        ) &&
        shareIn(before.desired, generation) === 0,
      'A generation is only removed after it is seen to get no traffic',
      { generation, world, before: before.desired },
    );
    const delay = before.draining.find(d => d.generation === generation);
    must(
      !delay ||
        delay.removeAtMs <= nowMs ||
        record.draining.length > 0 ||
        rollout?.candidate.generation === generation,
      'What was stable stays until its delay has passed',
      { delay, nowMs },
    );
  }
  const { stable } = record;
  const rolling =
    rollout?.phase === 'stepping' && rollout.goal?.stableReplicas !== undefined;
  const replaced = rollout?.goal?.delegated === 'replaced';
  if (
    stable &&
    desired.revision !== before.desired.revision &&
    !rolling &&
    !replaced
  ) {
    must(
      replicasIn(desired, stable.generation) === stable.replicas,
      'Stable is whole unless it is being replaced batch by batch',
      desired,
    );
  }
}

/** Promise 3 and 4: what may become stable. */
function checkStable({ before, world, output }: Decision): void {
  const { stable } = output.record;
  if (stable?.generation === before.stable?.generation) {
    return;
  }
  const succeeded = output.finished.some(
    f => f.outcome === 'succeeded' && f.deploymentId === stable?.deploymentId,
  );
  must(
    stable !== undefined && succeeded,
    'Only a promotion changes what is stable',
    { before: before.stable, after: stable },
  );
  must(
    isKnown(world.workloads) &&
      isKnown(world.traffic) &&
      Math.min(world.workloads.reflects, world.traffic.reflects) >=
        before.desired.revision &&
      (world.workloads.known.generations.find(
        g => g.generation === stable?.generation,
      )?.ready ?? 0) >= (stable?.replicas ?? 1) &&
      (world.traffic.known.routes ?? []).length === 0 &&
      world.traffic.known.accepted.every(
        s => s.percent === 0 || s.generation === stable?.generation,
      ),
    'Only what is whole and is seen to serve everything is promoted',
    { world, stable },
  );
}

/** Promise 6 and 8: order, stickiness, the unknown. */
function checkOrder({ before, world, output }: Decision): void {
  const { record, answers, events } = output;
  const known = isKnown(world.workloads) && isKnown(world.traffic);
  const content = ({ revision: _, ...rest }: Desired) => JSON.stringify(rest);
  const same = content(before.desired) === content(record.desired);
  must(
    known || before.desired.revision === record.desired.revision,
    'Nothing is changed in a world that is not known',
    { before: before.desired, after: record.desired },
  );
  must(
    same === (before.desired.revision === record.desired.revision) &&
      record.desired.revision >= before.desired.revision,
    'The revision grows exactly when something changes',
    { before: before.desired, after: record.desired },
  );
  const was = before.rollout;
  const is = record.rollout;
  const goesOn =
    was &&
    is &&
    was.deploymentId === is.deploymentId &&
    was.attempt === is.attempt &&
    was.startedAtMs === is.startedAtMs;
  if (!goesOn) {
    return;
  }
  const person = answers.some(a => a.accepted);
  const reflected =
    isKnown(world.workloads) &&
    isKnown(world.traffic) &&
    Math.min(world.workloads.reflects, world.traffic.reflects) >=
      before.desired.revision;
  const onlySkipped = is.steps
    .slice(was.stepIndex, is.stepIndex)
    .every(step => step.status === 'skipped' && step.reason !== undefined);
  must(
    onlySkipped || person || reflected,
    'No step advances before our last write is seen',
    { was: was.stepIndex, is: is.stepIndex, world },
  );
  must(is.stepIndex >= was.stepIndex || person, 'Steps only go forward', {
    was: was.stepIndex,
    is: is.stepIndex,
  });
  must(
    was.phase !== 'aborting' || is.phase !== 'stepping' || person,
    'Going back is sticky',
    events,
  );
  must(
    was.phase !== 'finished' || is.phase === 'finished',
    'What is finished stays finished',
    is,
  );
}

/** Promise 6 and 7: everything ends, and is told. */
function checkEnds({ before, output, nowMs }: Decision): void {
  const { record, finished, wakeAtMs } = output;
  const { rollout } = record;
  const active = rollout && rollout.phase !== 'finished';
  must(
    !active || wakeAtMs !== undefined,
    'Every state that is not the end is looked at again',
    rollout,
  );
  must(
    !active ||
      rollout.paused?.untilMs !== undefined ||
      rollout.paused?.deadlineMs !== undefined ||
      rollout.progressDeadlineMs !== undefined ||
      rollout.abort !== undefined ||
      rollout.error !== undefined ||
      rollout.steps[rollout.stepIndex]?.endsAtMs !== undefined ||
      rollout.analyses.some(a => a.status === 'running'),
    'Every state that is not the end has an absolute deadline',
    rollout,
  );
  must(
    rollout?.phase === 'stepping' ||
      !rollout?.analyses.some(a => a.status === 'running'),
    'Nothing is measured for a rollout that goes back or is over',
    rollout?.analyses,
  );
  for (const { outcome, hold, reason } of finished) {
    must(isTerminalDeployment(outcome), 'An end is an end', outcome);
    must(
      outcome !== 'rolled-back' || hold,
      'A rollback holds the automation',
      finished,
    );
    must(
      (outcome !== 'rolled-back' && outcome !== 'failed') ||
        ROLLBACK_CODES.includes(reason?.code ?? ''),
      'Only a release that is known to be bad is rolled back',
      reason,
    );
  }
  const ids = new Set(finished.map(f => f.deploymentId));
  must(ids.size === finished.length, 'A deployment ends once', finished);
  must(
    !rollout ||
      rollout.phase !== 'finished' ||
      before.rollout?.phase === 'finished' ||
      finished.some(f => f.deploymentId === rollout.deploymentId),
    'No end is silent',
    rollout,
  );
  must(wakeAtMs === undefined || wakeAtMs >= nowMs, 'Time goes forward', {
    wakeAtMs,
    nowMs,
  });
}
