/**
 * Which share the new version of a deployment was asked to serve and really
 * served, when: a deployment that ended long ago has no live traffic to show.
 */
import {
  Deployment,
  TrafficPoint,
  TrafficShare,
  isTerminalDeployment,
} from '@slipway/backstage-plugin-delivery-common';

/** From one change of the asked shares to the next. */
export interface SharesPeriod {
  fromMs: number;
  toMs: number;
  /** 0..100: what the deployment's own version was asked to serve. */
  newPercent: number;
  /** 0..100: what it served when that was last measured in this period. */
  measuredPercent?: number;
}

type Change = Omit<SharesPeriod, 'fromMs' | 'toMs'> & { atMs: number };

/** Empty when nothing is known of it: it never started. */
export function sharesOverTime(
  deployment: Deployment,
  points: TrafficPoint[] | undefined,
  nowMs: number,
): SharesPeriod[] {
  const { startedAtMs, finishedAtMs, rollout } = deployment;
  if (startedAtMs === undefined || !rollout) {
    return [];
  }
  const noted = (points ?? []).map(
    (point): Change => ({
      atMs: point.atMs,
      newPercent: percentOf(point.asked, rollout.candidate.generation),
      ...(point.measured
        ? {
            measuredPercent: percentOf(
              point.measured.shares,
              rollout.candidate.generation,
            ),
          }
        : {}),
    }),
  );
  const changes = noted.length > 0 ? noted : stepChanges(deployment);
  if (changes.length === 0) {
    return [];
  }
  const endMs = isTerminalDeployment(deployment.status)
    ? finishedAtMs ?? changes[changes.length - 1].atMs
    : nowMs;
  const periods: SharesPeriod[] = [];
  changes.forEach(({ atMs, newPercent, measuredPercent }, index) => {
    const toMs = Math.max(atMs, changes[index + 1]?.atMs ?? endMs);
    const last = periods[periods.length - 1];
    if (last?.newPercent === newPercent) {
      last.toMs = toMs;
      last.measuredPercent = measuredPercent ?? last.measuredPercent;
      return;
    }
    if (last && measuredPercent !== undefined) {
      // It was measured in the window before the change.
      last.measuredPercent = measuredPercent;
    }
    periods.push({ fromMs: atMs, toMs, newPercent });
  });
  return periods;
}

function percentOf(shares: TrafficShare[], generation: string): number {
  return shares
    .filter(share => share.generation === generation)
    .reduce((sum, share) => sum + share.percent, 0);
}

/** The weights of the steps that were begun, of a deployment without points. */
function stepChanges(deployment: Deployment): Change[] {
  const { rollout, startedAtMs = 0 } = deployment;
  const changes: Change[] = [];
  for (const { step, startedAtMs: atMs } of rollout?.steps ?? []) {
    if (step.type === 'weight' && atMs !== undefined) {
      changes.push({ atMs, newPercent: step.percent });
    }
  }
  if (rollout?.abort && changes.length > 0) {
    changes.push({ atMs: rollout.abort.sinceMs, newPercent: 0 });
  }
  // Until the first change all of it went where it went before.
  return deployment.previousReleaseId && changes.length > 0
    ? [{ atMs: startedAtMs, newPercent: 0 }, ...changes]
    : changes;
}
