/**
 * Which shares a deployment asked for, when: read from its timeline, for a
 * deployment that ended long ago has no live traffic to show.
 */
import {
  Deployment,
  TimelineEvent,
  isTerminalDeployment,
} from '@slipway/backstage-plugin-delivery-common';

/** From one change of the asked shares to the next. */
export interface SharesPeriod {
  fromMs: number;
  toMs: number;
  /** 0..100: what the deployment's own version was asked to serve. */
  newPercent: number;
}

interface Change {
  atMs: number;
  newPercent: number;
}

/** `Traffic: 90 % stable, 10 % canary`: the shares are in the event's words only. */
const SHARE = /(\d+(?:\.\d+)?) % (\S+?)(?:,|$)/g;

/** Empty when nothing is known of it: never started, or its events are gone. */
export function sharesOverTime(
  deployment: Deployment,
  events: TimelineEvent[],
  nowMs: number,
): SharesPeriod[] {
  const { startedAtMs, finishedAtMs } = deployment;
  if (startedAtMs === undefined) {
    return [];
  }
  const asked = askedChanges(events);
  const changes = asked.length > 0 ? asked : stepChanges(deployment);
  if (changes.length === 0) {
    return [];
  }
  // Until the first change all of it went where it went before.
  const known = deployment.previousReleaseId
    ? [{ atMs: startedAtMs, newPercent: 0 }, ...changes]
    : changes;
  const endMs = isTerminalDeployment(deployment.status)
    ? finishedAtMs ?? known[known.length - 1].atMs
    : nowMs;
  const periods: SharesPeriod[] = [];
  known.forEach(({ atMs, newPercent }, index) => {
    const toMs = Math.max(atMs, known[index + 1]?.atMs ?? endMs);
    const last = periods[periods.length - 1];
    if (last?.newPercent === newPercent) {
      last.toMs = toMs;
    } else {
      periods.push({ fromMs: atMs, toMs, newPercent });
    }
  });
  return periods;
}

function askedChanges(events: TimelineEvent[]): Change[] {
  const ordered = [...events].sort((a, b) => a.atMs - b.atMs);
  const changes: Change[] = [];
  // Once it is promoted, "stable" is the new version.
  let promoted = false;
  for (const event of ordered) {
    promoted ||= event.type === 'promoted';
    const newPercent =
      event.type === 'traffic-asked'
        ? readNewPercent(event.message, promoted)
        : undefined;
    if (newPercent !== undefined) {
      changes.push({ atMs: event.atMs, newPercent });
    }
  }
  return changes;
}

function readNewPercent(
  message: string,
  promoted: boolean,
): number | undefined {
  const shares = [...message.matchAll(SHARE)];
  if (shares.length === 0) {
    return undefined;
  }
  return shares
    .filter(
      ([, , track]) =>
        track === 'canary' ||
        track === 'preview' ||
        (promoted && track === 'stable'),
    )
    .reduce((sum, [, percent]) => sum + Number(percent), 0);
}

/** The weights of the steps that were begun, when no event tells. */
function stepChanges(deployment: Deployment): Change[] {
  const { rollout } = deployment;
  const changes: Change[] = [];
  for (const { step, startedAtMs } of rollout?.steps ?? []) {
    if (step.type === 'weight' && startedAtMs !== undefined) {
      changes.push({ atMs: startedAtMs, newPercent: step.percent });
    }
  }
  if (rollout?.abort && changes.length > 0) {
    changes.push({ atMs: rollout.abort.sinceMs, newPercent: 0 });
  }
  return changes;
}
