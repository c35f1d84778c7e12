import fc from 'fast-check';
import { PodOwner } from '../health';
import {
  GENERATION_LABEL,
  REPLICAS_ANNOTATION,
  SCALED_ANNOTATION,
  SHARES_ANNOTATION,
  TRACK_ANNOTATION,
} from '../names';
import { KubePlan } from '../plan';
import { fitOf } from './basis';
import { formatScale, parseScale } from './deploymentManifest';
import { LiveDeployment } from './readTarget';
import { scaleOf } from './scale';
import { formatBasis, parseBasis, SIZED_ANNOTATION } from './sized';

const PLANNED = 4;
const MOST = 60;

const kubePlan = {
  scalers: [
    {
      scalesReplicas: true,
      min: 1,
      max: MOST,
      field: 'scaleTargetRef',
      object: { kind: 'HorizontalPodAutoscaler', metadata: { name: 'shop' } },
    },
  ],
} as unknown as KubePlan;

interface Cluster {
  stable: { replicas: number; ready: number };
  canary?: PodOwner;
}

function liveOf({ stable, canary }: Cluster): LiveDeployment[] {
  const one: PodOwner = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'shop-one',
      labels: { [GENERATION_LABEL]: 'one' },
      annotations: {
        [TRACK_ANNOTATION]: 'stable',
        [REPLICAS_ANNOTATION]: formatScale({ asked: PLANNED, given: PLANNED }),
        [SCALED_ANNOTATION]: 'HorizontalPodAutoscaler/shop',
      },
    },
    spec: { replicas: stable.replicas },
    status: { readyReplicas: stable.ready },
  };
  const role = 'workload' as const;
  return [
    { object: one, role, generation: 'one', inPlace: false },
    ...(canary
      ? [{ object: canary, role, generation: 'two', inPlace: false }]
      : []),
  ];
}

/** What the engine's write leaves of the canary. */
function ensured(
  cluster: Cluster,
  asked: number,
  track = 'canary',
): Required<Cluster> {
  const scale = scaleOf({
    wish: {
      generation: 'two',
      plan: {} as never,
      track,
      replicas: asked,
    },
    kubePlan,
    name: 'shop-two',
    existing: cluster.canary,
    scaled: 'shop-one',
    deployments: liveOf(cluster),
  });
  const shares = cluster.canary?.metadata.annotations?.[SHARES_ANNOTATION];
  return {
    ...cluster,
    canary: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        name: 'shop-two',
        labels: { [GENERATION_LABEL]: 'two' },
        annotations: {
          [TRACK_ANNOTATION]: track,
          [REPLICAS_ANNOTATION]: formatScale(scale),
          ...(scale.basis && { [SIZED_ANNOTATION]: formatBasis(scale.basis) }),
          ...(shares && { [SHARES_ANNOTATION]: shares }),
        },
      },
      spec: { replicas: scale.given },
    },
  };
}

/** What traffic writes without a route. */
function shared(
  cluster: Required<Cluster>,
  percent: number,
): Required<Cluster> {
  const { canary } = cluster;
  return {
    ...cluster,
    canary: {
      ...canary,
      metadata: {
        ...canary.metadata,
        annotations: {
          ...canary.metadata.annotations,
          [SHARES_ANNOTATION]: JSON.stringify({
            one: 100 - percent,
            two: percent,
          }),
        },
      },
    },
  };
}

function isRight(cluster: Cluster): boolean {
  const all = liveOf(cluster);
  return all.every(deployment => fitOf(deployment, all) === 'right');
}

const sizeOf = ({ canary }: Cluster) => canary?.spec?.replicas ?? 0;

describe('The size of a canary beside what an autoscaler has', () => {
  const steps = fc.array(
    fc.record({
      replicas: fc.integer({ min: 1, max: MOST }),
      unready: fc.nat(5),
    }),
    { minLength: 1, maxLength: 8 },
  );

  it('never stays beyond its share for more than one look, or has one instance', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99 }), steps, (percent, events) => {
        const asked = Math.max(1, Math.ceil((PLANNED * percent) / 100));
        const start = { stable: { replicas: PLANNED, ready: PLANNED } };
        let cluster = shared(ensured(start, asked), percent);
        for (const { replicas, unready } of events) {
          cluster = {
            ...cluster,
            stable: { replicas, ready: Math.max(0, replicas - unready) },
          };
          const before = sizeOf(cluster);
          const isTooMuch =
            before > 1 && before * (100 - percent) > percent * replicas;
          const all = liveOf(cluster);
          expect(isTooMuch && fitOf(all[1], all)).toBe(
            isTooMuch && 'too-large',
          );
          if (!isRight(cluster)) {
            cluster = ensured(cluster, asked);
          }
          const size = sizeOf(cluster);
          expect(size).toBeGreaterThanOrEqual(1);
          expect(
            size === 1 || size * (100 - percent) <= percent * replicas,
          ).toBe(true);
          // It grows beside what is ready only.
          expect(
            size <= Math.max(1, before) ||
              size * (100 - percent) <= percent * cluster.stable.ready,
          ).toBe(true);
          // One write is enough: the next look has nothing to do.
          expect(isRight(cluster)).toBe(true);
        }
      }),
    );
  });

  it('does not shrink with it where shares are weights, and does not outgrow its limit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: PLANNED }),
        steps,
        (asked, events) => {
          let cluster: Cluster = {
            stable: { replicas: PLANNED, ready: PLANNED },
          };
          cluster = ensured(cluster, asked);
          for (const { replicas, unready } of events) {
            const before = sizeOf(cluster);
            cluster = {
              ...cluster,
              stable: { replicas, ready: Math.max(0, replicas - unready) },
            };
            if (!isRight(cluster)) {
              cluster = ensured(cluster, asked);
            }
            expect(sizeOf(cluster)).toBeGreaterThanOrEqual(before);
            expect(sizeOf(cluster)).toBeLessThanOrEqual(MOST);
            expect(isRight(cluster)).toBe(true);
          }
        },
      ),
    );
  });

  it('takes everything with as many as stable had when it had everything', () => {
    let cluster: Cluster = { stable: { replicas: 12, ready: 12 } };
    cluster = ensured(cluster, 2);
    expect(sizeOf(cluster)).toBe(6);
    // Half of the requests are gone, and with them half of the instances.
    cluster = { ...cluster, stable: { replicas: 6, ready: 6 } };
    expect(isRight(cluster)).toBe(true);
    cluster = ensured(cluster, 4);
    expect(sizeOf(cluster)).toBe(12);
    cluster = { ...cluster, stable: { replicas: 1, ready: 1 } };
    cluster = ensured(cluster, 4, 'stable');
    expect(sizeOf(cluster)).toBe(12);
  });

  it('follows a share that changes', () => {
    const stable = { replicas: 11, ready: 11 };
    let cluster = ensured({ stable }, 1);
    expect(sizeOf(cluster)).toBe(3);
    cluster = shared(cluster, 10);
    expect(isRight(cluster)).toBe(false);
    cluster = ensured(cluster, 1);
    expect(sizeOf(cluster)).toBe(1);
    cluster = shared(cluster, 25);
    expect(isRight(cluster)).toBe(false);
    expect(sizeOf(ensured(cluster, 1))).toBe(3);
  });

  it('reads what it wrote, and nothing else', () => {
    for (const basis of [
      { most: 12, now: 4, percent: 10 },
      { most: 0, now: 3, percent: 33.333 },
      { most: 7, now: 0 },
    ]) {
      expect(parseBasis(formatBasis(basis))).toEqual(basis);
    }
    expect(parseBasis('12/x/1')).toBeUndefined();
    expect(parseScale('1/3')).toEqual({ asked: 1, given: 3 });
  });
});
