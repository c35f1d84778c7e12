import {
  Desired,
  isKnown,
  TargetRecord,
  TrafficShare,
  TrafficState,
  World,
} from '@slipway/backstage-plugin-delivery-common';
import { sameRoutes } from '../rollout';
import { activeRollout } from './deploymentRows';

/** What is missing between the world and the desired state, in safe order. */
export interface ConvergeSteps {
  /** New generations, more instances, and all whose role was not written yet. */
  ensure: Desired['generations'];
  /** The controller that leads has not taken the wish as far as it is seen. */
  delegate: boolean;
  /** The accepted shares are not the desired ones. */
  requestShares: boolean;
  /** Only once the desired shares are seen in force. */
  shrink: Desired['generations'];
  /** Only once the shares in force give them nothing. */
  remove: string[];
  /** The shared objects of this Plan are not known to be in force. */
  promotePlanId?: string;
  /** Not everything of this revision is known to be done. */
  unfinished: boolean;
  /** What no Plan names any more may be left, and nothing is under way that needs the time. */
  prune: boolean;
}

/** Whether two lists of shares mean the same; zero shares mean nothing. */
export function sameShares(a: TrafficShare[], b: TrafficShare[]): boolean {
  const text = (shares: TrafficShare[]) =>
    shares
      .filter(({ percent }) => percent > 0)
      .map(({ generation, percent }) => `${generation}=${percent}`)
      .sort()
      .join();
  return text(a) === text(b);
}

/** A record of before pruning was told apart was pruned with everything else. */
export function prunedRevision(applied: TargetRecord['applied']): number {
  return applied?.prunedRevision ?? applied?.revision ?? 0;
}

/** Whether the router has taken the shares and the routes that are wanted. */
export function isInForce(
  { accepted, routes }: TrafficState,
  desired: Desired,
): boolean {
  return (
    sameShares(accepted, desired.shares) && sameRoutes(routes, desired.routes)
  );
}

/**
 * Compares. While the workloads are unknown nothing is said about them: what
 * we cannot see we neither grow nor shrink, and shares may still be given back.
 */
export function convergeSteps(
  record: Pick<TargetRecord, 'desired' | 'applied' | 'rollout'>,
  world: World,
): ConvergeSteps {
  const { desired, applied } = record;
  // Another worker may have died in the middle of this revision: what the world
  // reflects is then only a part of it.
  const writtenBefore = (applied?.revision ?? 0) >= desired.revision;
  const steps: ConvergeSteps = {
    ensure: [],
    delegate: false,
    requestShares: false,
    shrink: [],
    remove: [],
    unfinished: !writtenBefore,
    prune:
      activeRollout(record.rollout) === undefined &&
      prunedRevision(applied) < desired.revision,
    ...(desired.sharedPlanId && applied?.sharedPlanId !== desired.sharedPlanId
      ? { promotePlanId: desired.sharedPlanId }
      : {}),
  };
  if (isKnown(world.workloads)) {
    const all = !writtenBefore || world.workloads.reflects < desired.revision;
    const seen = new Map(
      world.workloads.known.generations.map(state => [state.generation, state]),
    );
    steps.delegate = desired.delegated !== undefined && all;
    // What another controller replaces in place is neither scaled nor removed.
    const ours = desired.generations.filter(
      wanted => !(desired.delegated && wanted.inPlace),
    );
    for (const wanted of ours) {
      const state = seen.get(wanted.generation);
      if (state && wanted.replicas < state.wanted) {
        steps.shrink.push(wanted);
      } else if (!state && wanted.replicas === 0) {
        // Gone already.
      } else if (all || !state || state.wanted !== wanted.replicas) {
        steps.ensure.push(wanted);
      }
    }
    const named = new Set(desired.generations.map(wanted => wanted.generation));
    const serves = desired.shares.some(({ percent }) => percent > 0);
    // What was there before us is not taken away while nothing else serves.
    steps.remove = [...seen.values()]
      .filter(
        ({ generation, adopted }) =>
          !named.has(generation) && (serves || !adopted),
      )
      .map(({ generation }) => generation);
  }
  steps.requestShares =
    !isKnown(world.traffic) ||
    !writtenBefore ||
    world.traffic.reflects < desired.revision ||
    !isInForce(world.traffic.known, desired);
  return steps;
}

/** Whether the world is as desired and nothing is left to do. */
export function isConverged(steps: ConvergeSteps): boolean {
  return (
    steps.ensure.length === 0 &&
    !steps.delegate &&
    !steps.requestShares &&
    steps.shrink.length === 0 &&
    steps.remove.length === 0 &&
    steps.promotePlanId === undefined &&
    !steps.unfinished &&
    !steps.prune
  );
}
