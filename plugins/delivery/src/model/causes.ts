/**
 * What is wrong or in the way in an environment, from all that its view says:
 * its objects, its traffic, its instances. Unknown is no cause and no absence
 * of one: see `Warnings`.
 */
import {
  DriftFinding,
  DriftView,
  HealthCause,
  InstanceState,
  TargetView,
  isKnown,
} from '@slipway/backstage-plugin-delivery-common';

export type CauseLevel = NonNullable<HealthCause['level']>;

export interface ShownCause extends HealthCause {
  level: CauseLevel;
  /** What it is about: `Service/checkout`, or instances. */
  about?: string;
}

const ORDER: readonly CauseLevel[] = ['error', 'warning', 'info'];
/** Names of instances that a line can hold. */
const NAMED = 3;

/** What has just started need not be ready yet. */
const STARTS_MS = 10_000;

/** Each cause once, what is broken first, of a kind the oldest first. */
export function causesOf(
  target: TargetView,
  nowMs: number = Date.now(),
): ShownCause[] {
  const { causes, traffic, workloads } = target;
  const all = [
    // First: what is told here and by the watch as well says here what is done.
    ...drifted(target.drift),
    ...(causes && isKnown(causes) ? causes.known : []),
    ...(isKnown(traffic) ? traffic.known.causes ?? [] : []),
    ...(isKnown(workloads)
      ? workloads.known.generations.flatMap(({ instances }) =>
          ofInstances(instances, nowMs),
        )
      : []),
  ];
  const shown = new Map<string, ShownCause>();
  for (const cause of all) {
    const key = `${cause.code} ${cause.summary}`;
    if (!shown.has(key)) {
      shown.set(key, { ...cause, level: cause.level ?? 'error' });
    }
  }
  return [...shown.values()].sort(
    (a, b) =>
      ORDER.indexOf(a.level) - ORDER.indexOf(b.level) || a.sinceMs - b.sinceMs,
  );
}

/** The codes by which connections tell the same. */
const DRIFT_CODES: Record<DriftFinding['kind'], string> = {
  edited: 'changed-by-others',
  admission: 'changed-by-admission',
  copy: 'another-copy',
};

/** What others have changed, with who did it and what is done about it. */
function drifted({ found }: DriftView): Array<HealthCause & { about: string }> {
  return found.map(finding => {
    const { kind, about, message, by, sinceMs, action, fields = [] } = finding;
    const evidence = fields
      .filter(({ expected, found: is }) => expected ?? is)
      .map(
        ({ field, expected, found: is }) =>
          `${field}\n  ${expected ?? '?'} -> ${is ?? '?'}`,
      )
      .join('\n');
    return {
      code: DRIFT_CODES[kind],
      summary: message,
      ...(evidence && { evidence }),
      action,
      ...(by && { by }),
      sinceMs,
      level: 'warning',
      about,
    };
  });
}

/** One for each kind of cause, with the instances that have it. */
function ofInstances(
  instances: InstanceState[],
  nowMs: number,
): Array<HealthCause & { about?: string }> {
  const byCode = new Map<string, { cause: HealthCause; ids: string[] }>();
  for (const instance of instances) {
    const { id, cause, phase } = instance;
    const isLeaving = phase === 'stopping' || phase === 'stopped';
    if (cause && !isLeaving && !isStarting(instance, nowMs)) {
      const found = byCode.get(cause.code) ?? { cause, ids: [] };
      found.ids.push(id);
      byCode.set(cause.code, found);
    }
  }
  return [...byCode.values()].map(({ cause, ids }) => ({
    ...cause,
    about: ids.slice(0, NAMED).join(', ') + (ids.length > NAMED ? ', …' : ''),
  }));
}

/** Its probe fails because it is on its way up; other causes hold at once. */
function isStarting(
  { cause, startedAtMs, restarts }: InstanceState,
  nowMs: number,
): boolean {
  return (
    cause?.code === 'probe-failing' &&
    restarts === 0 &&
    startedAtMs !== undefined &&
    nowMs - startedAtMs < STARTS_MS
  );
}
