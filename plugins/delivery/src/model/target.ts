/**
 * What a target view says about tracks, digests and what comes next: pure
 * readings of the API's answers that several screens need.
 */
import {
  ChangeEvent,
  Deployment,
  GenerationState,
  InstanceState,
  Observed,
  StepState,
  TargetView,
  Track,
  TrackMetrics,
  TrafficShare,
  WorkloadsState,
  isKnown,
  isTerminalDeployment,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';

/** `gone`: served within the measured window, and does not run any more. */
export type RowTrack = Track | 'gone';

export interface TrackRow {
  track: RowTrack;
  generation: string;
  version?: string;
  /** Absent when it is not known. */
  state?: GenerationState;
  askedPercent?: number;
  seenPercent?: number;
  metrics?: TrackMetrics;
}

export function targetId(target: TargetView): string {
  return stringifyTarget({
    service: target.service,
    environment: target.environment.name,
  });
}

/** 0 for a generation that the shares do not name, but only when shares are known. */
export function percentOf(
  shares: TrafficShare[] | undefined,
  generation: string,
): number | undefined {
  return shares === undefined
    ? undefined
    : shares.find(share => share.generation === generation)?.percent ?? 0;
}

/** The deployment that moves the target now. */
export function activeDeployment(target: TargetView): Deployment | undefined {
  return target.active && !isTerminalDeployment(target.active.status)
    ? target.active
    : undefined;
}

export function candidateOf(target: TargetView) {
  return activeDeployment(target)?.rollout?.candidate;
}

/**
 * One row for each running or wanted generation: stable first, then the
 * candidate. What has just gone but still counts in the measured window has a
 * row too, so that the shares add up.
 */
export function trackRows(target: TargetView): TrackRow[] {
  const workloads = isKnown(target.workloads)
    ? target.workloads.known
    : undefined;
  const traffic = isKnown(target.traffic) ? target.traffic.known : undefined;
  const active = activeDeployment(target);
  const candidate = active?.rollout?.candidate;
  const generations: Array<[string, RowTrack, string | undefined]> = [];
  if (target.stable) {
    generations.push([
      target.stable.generation,
      'stable',
      target.stable.version,
    ]);
  }
  if (candidate && candidate.generation !== target.stable?.generation) {
    const track =
      active?.rollout?.strategy.type === 'blueGreen' ? 'preview' : 'canary';
    generations.push([candidate.generation, track, active?.releaseVersion]);
  }
  for (const { generation } of workloads?.generations ?? []) {
    if (!generations.some(([known]) => known === generation)) {
      generations.push([generation, 'draining', undefined]);
    }
  }
  for (const { generation, percent } of traffic?.measured?.shares ?? []) {
    if (percent > 0 && !generations.some(([known]) => known === generation)) {
      generations.push([
        generation,
        workloads ? 'gone' : 'draining',
        undefined,
      ]);
    }
  }
  return generations.map(([generation, track, version]) => ({
    track,
    generation,
    version,
    state: workloads?.generations.find(it => it.generation === generation),
    askedPercent: percentOf(traffic?.accepted, generation),
    seenPercent: percentOf(traffic?.measured?.shares, generation),
    metrics: target.tracks.find(it => it.generation === generation),
  }));
}

export function currentStep(deployment: Deployment): StepState | undefined {
  const { rollout } = deployment;
  return rollout && isStepping(deployment)
    ? rollout.steps[rollout.stepIndex]
    : undefined;
}

/** Whether steps are still to come: an ended deployment keeps its last one. */
export function isStepping(deployment: Deployment): boolean {
  return (
    deployment.rollout?.phase === 'stepping' &&
    !isTerminalDeployment(deployment.status)
  );
}

export function nextStep(deployment: Deployment): StepState | undefined {
  const { rollout } = deployment;
  if (!isStepping(deployment)) {
    return undefined;
  }
  return rollout?.steps
    .slice(rollout.stepIndex + 1)
    .find(step => step.status !== 'skipped');
}

/** How many of a release's running instances run exactly the digests that it deployed. */
export function sameDigest(
  target: TargetView,
  releaseId: string,
): { same: number; total: number } | undefined {
  if (!isKnown(target.workloads)) {
    return undefined;
  }
  const roles = [target.stable, candidateOf(target)];
  let same = 0;
  let total = 0;
  for (const state of target.workloads.known.generations) {
    const role = roles.find(it => it?.generation === state.generation);
    const running = state.instances.filter(it => it.phase === 'running');
    if (role?.releaseId === releaseId) {
      total += running.length;
      same += running.filter(it => runsDigests(it, role.digests)).length;
    }
  }
  return { same, total };
}

function runsDigests(
  instance: InstanceState,
  expected: Record<string, string>,
): boolean {
  const found = Object.values(instance.digests ?? {});
  const wanted = Object.values(expected);
  return found.length > 0 && found.every(digest => wanted.includes(digest));
}

/** Puts the instances of an event into the workloads, so that no fetch is needed. */
export function withInstances(
  workloads: Observed<WorkloadsState>,
  instances: Observed<InstanceState[]>,
): Observed<WorkloadsState> {
  if (!isKnown(instances)) {
    return instances;
  }
  const before = isKnown(workloads) ? workloads.known.generations : [];
  const byGeneration = new Map<string, InstanceState[]>();
  for (const instance of instances.known) {
    const list = byGeneration.get(instance.generation) ?? [];
    byGeneration.set(instance.generation, [...list, instance]);
  }
  const names = new Set([
    ...before.map(it => it.generation),
    ...byGeneration.keys(),
  ]);
  const generations = [...names].map((generation): GenerationState => {
    const list = byGeneration.get(generation) ?? [];
    const known = before.find(it => it.generation === generation);
    return {
      planId: '',
      wanted: list.length,
      ...known,
      generation,
      ready: list.filter(it => it.ready).length,
      instances: list,
    };
  });
  return { ...instances, known: { generations } };
}

/** Applies an `instances` event to the target that it is about. */
export function applyToTargets(
  targets: TargetView[],
  event: ChangeEvent,
): TargetView[] | undefined {
  const { instances } = event;
  if (event.kind !== 'instances' || !instances) {
    return undefined;
  }
  if (!targets.some(target => targetId(target) === event.subject)) {
    return undefined;
  }
  return targets.map(target =>
    targetId(target) === event.subject
      ? {
          ...target,
          workloads: withInstances(target.workloads, instances),
          causes: event.causes ?? target.causes,
        }
      : target,
  );
}
