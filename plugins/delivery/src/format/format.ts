import { DateTime, Duration } from 'luxon';
import {
  Actor,
  Digest,
  HeaderMatch,
  Reason,
  StepModel,
} from '@slipway/backstage-plugin-delivery-common';
import { DeliveryT } from '../translation';

/** Shown in place of a number that nobody knows; never a zero. */
export const DASH = '–';

export function formatPercent(percent: number | undefined): string {
  if (percent === undefined || !Number.isFinite(percent)) {
    return DASH;
  }
  const rounded = Math.round(percent * 10) / 10;
  return `${rounded} %`;
}

/** A metric's value in its unit: ratios as percent, times in ms. */
export function formatMetric(
  value: number | undefined,
  unit: Reason['unit'],
): string {
  if (value === undefined || !Number.isFinite(value)) {
    return DASH;
  }
  if (unit === 'ratio') {
    // One decimal is too coarse next to a limit of 99.95 %.
    return `${Math.round(value * 10_000) / 100} %`;
  }
  if (unit === 'milliseconds') {
    return `${Math.round(value * 10) / 10} ms`;
  }
  return String(Math.round(value * 100) / 100);
}

export function formatLimit(
  t: DeliveryT,
  limit: { min?: number; max?: number },
  unit: Reason['unit'],
): string {
  const parts: string[] = [];
  if (limit.min !== undefined) {
    parts.push(
      t('pipeline.verdict.limitMin', { min: formatMetric(limit.min, unit) }),
    );
  }
  if (limit.max !== undefined) {
    parts.push(
      t('pipeline.verdict.limitMax', { max: formatMetric(limit.max, unit) }),
    );
  }
  return parts.join(', ') || DASH;
}

/** `3:12`, `1:02:07`; never negative. */
export function formatCountdown(durationMs: number): string {
  const duration = Duration.fromMillis(
    Math.max(0, Math.ceil(durationMs / 1000) * 1000),
  );
  return duration.toFormat(durationMs >= 3_600_000 ? 'h:mm:ss' : 'm:ss');
}

/** `45 s`, `3 min 12 s`, `2 h 5 min`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1_000) {
    return `${Math.max(0, Math.round(durationMs))} ms`;
  }
  const seconds = Math.round(durationMs / 1000);
  if (seconds < 60) {
    return `${seconds} s`;
  }
  if (seconds < 3600) {
    const rest = seconds % 60;
    return `${Math.floor(seconds / 60)} min${rest ? ` ${rest} s` : ''}`;
  }
  const minutes = Math.floor((seconds % 3600) / 60);
  return `${Math.floor(seconds / 3600)} h${minutes ? ` ${minutes} min` : ''}`;
}

const CLOCK_SKEW_MS = 5_000;

export function formatRelative(atMs: number, nowMs: number): string {
  // Two clocks never agree; what just happened is not yet to come.
  const isJustNow = atMs >= nowMs && atMs - nowMs < CLOCK_SKEW_MS;
  const at = DateTime.fromMillis(isJustNow ? nowMs - 1 : atMs);
  return (
    at.toRelative({ base: DateTime.fromMillis(nowMs), style: 'short' }) ?? DASH
  );
}

export function formatExact(atMs: number): string {
  return DateTime.fromMillis(atMs).toLocaleString(
    DateTime.DATETIME_FULL_WITH_SECONDS,
  );
}

export function formatClock(atMs: number): string {
  return DateTime.fromMillis(atMs).toLocaleString(DateTime.TIME_WITH_SECONDS);
}

export function shortSha(sha: string): string {
  return sha.slice(0, 7);
}

export function shortDigest(digest: Digest | undefined): string {
  return digest ? `${digest.slice(0, 'sha256:'.length + 8)}…` : DASH;
}

/** The digest to name in a sentence: the first image's, in the order of names. */
export function mainDigest(
  digests: Record<string, Digest> | undefined,
): Digest | undefined {
  const names = Object.keys(digests ?? {}).sort();
  return names.length ? digests?.[names[0]] : undefined;
}

export function formatActor(t: DeliveryT, actor: Actor): string {
  if (actor.type === 'plugin') {
    return t('common.automation');
  }
  if (actor.type === 'machine') {
    return t('common.machine', { name: actor.ref });
  }
  return actor.ref.replace(/^user:(default\/)?/, '');
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${
    units[unit]
  }`;
}

/** `x-canary: always, x-team: till`: a request has all of them. */
export function formatHeaders(headers: HeaderMatch[]): string {
  return headers.map(({ name, value }) => `${name}: ${value}`).join(', ');
}

/** What a step does, in a few words. */
export function describeStep(t: DeliveryT, step: StepModel): string {
  switch (step.type) {
    case 'scale':
      return 'count' in step.replicas
        ? t('steps.scaleCount', { instances: String(step.replicas.count) })
        : t('steps.scalePercent', { percent: String(step.replicas.percent) });
    case 'weight':
      return t('steps.weight', { percent: String(step.percent) });
    case 'route':
      return step.headers.length > 0
        ? t('steps.route', { headers: formatHeaders(step.headers) })
        : t('steps.routeEnds');
    case 'mirror':
      return step.percent > 0
        ? t('steps.mirror', { percent: String(step.percent) })
        : t('steps.mirrorEnds');
    case 'pause':
      return step.durationMs === undefined
        ? t('steps.pause')
        : t('steps.pauseFor', { duration: formatDuration(step.durationMs) });
    case 'analysis':
      return t('steps.analysis', {
        duration: formatDuration(step.analysis.durationMs),
      });
    case 'roll':
      return t('steps.roll');
    case 'hook':
      return t('steps.hook', { job: step.job });
    case 'delegate':
      return t('steps.delegate', { leader: step.leader });
    default:
      return t('steps.promote');
  }
}
