import {
  HealthCause,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { KubeObject } from '../client';
import {
  GENERATION_LABEL,
  REPLICAS_ANNOTATION,
  TRACK_ANNOTATION,
} from '../names';
import { LiveTraffic } from './live';
import { selectorOf } from './services';

/*
 * Without a route the share of a generation is its part of the instances that
 * are ready. Instances are whole and a share is not: so a generation that is
 * tried gets as many as stay within the share, and one at least.
 */

/** Shares that differ by less are not worth a word. */
const WORTH_TELLING_PERCENT = 1;

/**
 * The most instances with which a generation stays within its share beside
 * `others` instances. One at least: what has none is not tried at all.
 */
export function mostBeside(percent: number, others: number): number {
  if (percent >= 100) {
    return Infinity;
  }
  // 20 of 100 beside 4 is 0.9999999999999999: the tolerance keeps what is exact.
  const most = Math.floor((percent * others) / (100 - percent) + 1e-9);
  return Math.max(1, most);
}

/** A share that is neither nothing nor everything, of a generation that is tried. */
interface Tried extends TrafficShare {
  workload: KubeObject;
  /** Those that have the other shares. */
  others: KubeObject[];
}

function triedOf(
  { workloads }: Pick<LiveTraffic, 'workloads'>,
  shares: TrafficShare[],
): Tried[] {
  const shareOf = ({ metadata }: KubeObject) =>
    shares.find(
      ({ generation }) => generation === metadata.labels?.[GENERATION_LABEL],
    );
  const carrying = workloads.filter(
    workload => (shareOf(workload)?.percent ?? 0) > 0,
  );
  return carrying.flatMap(workload => {
    const share = shareOf(workload);
    const track = workload.metadata.annotations?.[TRACK_ANNOTATION] ?? '';
    return share && share.percent < 100 && isTried(track)
      ? [
          {
            ...share,
            workload,
            others: carrying.filter(other => other !== workload),
          },
        ]
      : [];
  });
}

/** Tracks that have a share for being tried, and not for being trusted. */
export function isTried(track: string): boolean {
  return track === 'canary' || track === 'preview';
}

function replicasOf({ spec }: KubeObject): number {
  const { replicas = 1 } = (spec ?? {}) as { replicas?: number };
  return replicas;
}

/**
 * The generations that would get more than their shares if the Services took
 * them now, and how many instances they may have.
 */
export function tooMany(
  live: Pick<LiveTraffic, 'workloads' | 'readyOf'>,
  shares: TrafficShare[],
): Array<{ generation: string; most: number }> {
  return triedOf(live, shares).flatMap(
    ({ generation, percent, workload, others }) => {
      const beside = others.reduce((sum, other) => sum + replicasOf(other), 0);
      const most = mostBeside(percent, beside);
      // Those on their way out count until they get no requests any more.
      return Math.max(replicasOf(workload), live.readyOf(generation)) > most
        ? [{ generation, most }]
        : [];
    },
  );
}

/**
 * The generations that are to have everything and are not whole yet, while
 * others are there that carry what is missing: beside those they had no more
 * instances than their share.
 */
export function notWhole(
  { workloads, readyOf }: Pick<LiveTraffic, 'workloads' | 'readyOf'>,
  shares: TrafficShare[],
): Array<{ generation: string; needed: number }> {
  return shares
    .filter(({ percent }) => percent >= 100)
    .flatMap(({ generation }) => {
      const workload = workloads.find(
        ({ metadata }) => metadata.labels?.[GENERATION_LABEL] === generation,
      );
      const { annotations = {} } = workload?.metadata ?? {};
      const carries = workloads.some(
        other =>
          other !== workload &&
          readyOf(other.metadata.labels?.[GENERATION_LABEL] ?? '') > 0,
      );
      if (
        !workload ||
        !carries ||
        !isTried(annotations[TRACK_ANNOTATION] ?? '')
      ) {
        return [];
      }
      const [asked = '0'] = (annotations[REPLICAS_ANNOTATION] ?? '').split('/');
      const needed = Math.max(replicasOf(workload), Number(asked) || 0);
      return readyOf(generation) < needed ? [{ generation, needed }] : [];
    });
}

/** Whether any main Service takes a generation now. */
export function serves(
  { services }: Pick<LiveTraffic, 'services'>,
  generation: string,
): boolean {
  return services.some(service => {
    const only = selectorOf(service)[GENERATION_LABEL];
    return only === undefined || only === generation;
  });
}

/** What the instances that are ready make of the shares, where it is not what is asked. */
export function tellRatio(
  live: Pick<LiveTraffic, 'workloads' | 'readyOf'>,
  shares: TrafficShare[],
  nowMs: number,
): HealthCause[] {
  return triedOf(live, shares).flatMap(({ generation, percent, others }) => {
    const own = live.readyOf(generation);
    const rest = others
      .map(({ metadata }) => metadata.labels?.[GENERATION_LABEL] ?? '')
      .reduce((sum, other) => sum + live.readyOf(other), 0);
    const actual = own + rest > 0 ? (100 * own) / (own + rest) : 0;
    if (own === 0 || Math.abs(actual - percent) < WORTH_TELLING_PERCENT) {
      return [];
    }
    const least =
      actual > percent && own === 1 ? '; it cannot have less than one' : '';
    return [
      {
        code: 'share-by-instances',
        level: 'info' as const,
        summary: `Without a route the share is the ratio of instances: ${generation} has ${own} of ${
          own + rest
        } that are ready and gets about ${Math.round(
          actual,
        )}% of the requests, where ${percent}% is asked for${least}`,
        action:
          actual > percent && own > 1
            ? 'It gets as many instances as its share allows with the next step'
            : 'For exact shares, add an HTTPRoute or a GRPCRoute to the manifests',
        sinceMs: nowMs,
      },
    ];
  });
}
