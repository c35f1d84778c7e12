import {
  isKnown,
  TargetRecord,
  World,
} from '@slipway/backstage-plugin-delivery-common';
import { TargetMemory } from './context';
import { ConvergeSteps, isConverged } from './convergeSteps';
import { activeRollout } from './deploymentRows';

const FIRST_LOOK_MS = 200;
const REST_CAP_MS = 30_000;
/** The part of the world that has to change before we can go on. */
export function worldSignature(record: TargetRecord, world: World): string {
  const { workloads, traffic, delegated } = world;
  return JSON.stringify([
    record.desired.revision,
    record.rollout?.stepIndex,
    isKnown(workloads)
      ? [
          workloads.reflects,
          workloads.known.generations.map(g => [
            g.generation,
            g.wanted,
            g.ready,
          ]),
        ]
      : 'unknown',
    isKnown(traffic)
      ? [traffic.reflects, traffic.known.accepted, traffic.known.routes]
      : 'unknown',
    delegated && isKnown(delegated) ? delegated.known.phase : 'unknown',
  ]);
}

/** Whether every wanted instance is seen ready. */
function isWhole(record: TargetRecord, world: World): boolean {
  const { workloads } = world;
  return (
    isKnown(workloads) &&
    record.desired.generations.every(
      wanted =>
        (workloads.known.generations.find(
          state => state.generation === wanted.generation,
        )?.ready ?? 0) >= wanted.replicas,
    )
  );
}

/**
 * When to look at the world again by ourselves. What has just changed may
 * change again at once; what has not changed for long is looked at ever more
 * rarely: each wait is a quarter of the time that nothing happened.
 */
export function lookAgainAtMs(options: {
  record: TargetRecord;
  world: World;
  steps: ConvergeSteps;
  memory: TargetMemory;
  nowMs: number;
  capMs: number;
  restCheckMs: number;
}): number | undefined {
  const { record, world, steps, memory, nowMs, capMs, restCheckMs } = options;
  const signature = worldSignature(record, world);
  if (memory.waiting?.signature !== signature) {
    memory.waiting = { signature, sinceMs: nowMs };
  }
  const active = activeRollout(record.rollout);
  if (!isConverged(steps) || !isWhole(record, world)) {
    const quarter = (nowMs - memory.waiting.sinceMs) / 4;
    const cap = active ? capMs : REST_CAP_MS;
    return nowMs + Math.min(cap, Math.max(FIRST_LOOK_MS, quarter));
  }
  if (active) {
    // All is as wanted and the rollout waits for time to pass or for a person:
    // its own times wake it, and live changes poke it.
    return nowMs + capMs;
  }
  memory.waiting = undefined;
  // Spread, so that after a start not all targets are looked at together.
  return record.stable
    ? nowMs + restCheckMs * (0.75 + Math.random() / 2)
    : undefined;
}
