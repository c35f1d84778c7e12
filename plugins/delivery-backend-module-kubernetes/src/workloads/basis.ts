import { isTried, mostBeside, readShares } from '../traffic';
import { PodOwner } from '../health';
import {
  GENERATION_LABEL,
  SCALED_ANNOTATION,
  TRACK_ANNOTATION,
} from '../names';
import { LiveDeployment } from './readTarget';
import { Basis, formatBasis, parseBasis, SIZED_ANNOTATION } from './sized';

/*
 * What a generation that is tried is sized by: what else runs, and its share of
 * the instances where that is its share of the requests. An autoscaler changes
 * the first at any time, and nobody asks us then. So what a size was reckoned
 * from stands on the Deployment: where it is not so any more, our last write is
 * not in force, and the engine writes again.
 */

/** The other Deployment of ours that a scaler has in its hands. */
export function scaledBeside(
  name: string,
  deployments: LiveDeployment[],
): PodOwner | undefined {
  return deployments.find(
    ({ object, role }) =>
      role === 'workload' &&
      object.metadata.name !== name &&
      object.metadata.annotations?.[SCALED_ANNOTATION] !== undefined,
  )?.object;
}

/**
 * What a Deployment of this name and track is to be sized by, as things are;
 * `undefined`: by nothing but what is asked for.
 *
 * Others that grow count once they are ready, and others that shrink at once:
 * so they have at no time less than their share. What of them fails does not
 * count as less, as nothing that serves is taken away for that.
 */
export function basisOf(options: {
  name: string;
  track: string;
  existing: PodOwner | undefined;
  deployments: LiveDeployment[];
}): Basis | undefined {
  const { name, track, existing, deployments } = options;
  if (track === 'draining') {
    return undefined;
  }
  const scaled = scaledBeside(name, deployments);
  const shares = existing ? readShares(existing) ?? [] : [];
  const shareOf = (generation: string | undefined) =>
    shares.find(share => share.generation === generation)?.percent ?? 0;
  const own = shareOf(existing?.metadata.labels?.[GENERATION_LABEL]);
  const isPart = isTried(track) && own > 0 && own < 100;
  if (!scaled && !isPart) {
    return undefined;
  }
  const before = parseBasis(existing?.metadata.annotations?.[SIZED_ANNOTATION]);
  const others = isPart
    ? deployments
        .filter(
          ({ role, object, generation }) =>
            role === 'workload' &&
            object.metadata.name !== name &&
            shareOf(generation) > 0,
        )
        .map(({ object }) => object)
    : [];
  return {
    most: Math.max(before?.most ?? 0, scaled ? steady([scaled]) : 0),
    now: Math.min(
      wanted(others),
      Math.max(before?.percent === undefined ? 0 : before.now, steady(others)),
    ),
    ...(isPart && { percent: own }),
  };
}

function wanted(owners: PodOwner[]): number {
  return owners.reduce((sum, { spec }) => sum + (spec?.replicas ?? 1), 0);
}

/** As many as are ready, and will stay. */
function steady(owners: PodOwner[]): number {
  return owners.reduce(
    (sum, { spec, status }) =>
      sum + Math.min(spec?.replicas ?? 1, status?.readyReplicas ?? 0),
    0,
  );
}

/**
 * Whether a Deployment has the size that what runs beside it asks for;
 * `too-large`: it gets more than its share now.
 */
export function fitOf(
  { object, role, inPlace }: LiveDeployment,
  deployments: LiveDeployment[],
): 'right' | 'to-be-sized' | 'too-large' {
  const { annotations = {}, name } = object.metadata;
  const { replicas = 1 } = object.spec ?? {};
  const track = annotations[TRACK_ANNOTATION] ?? '';
  if (
    role !== 'workload' ||
    inPlace ||
    !isTried(track) ||
    replicas === 0 ||
    annotations[SCALED_ANNOTATION] !== undefined
  ) {
    return 'right';
  }
  const basis = basisOf({ name, track, existing: object, deployments });
  if (annotations[SIZED_ANNOTATION] === (basis && formatBasis(basis))) {
    return 'right';
  }
  const most = mostBeside(basis?.percent ?? 100, basis?.now ?? 0);
  return replicas > most ? 'too-large' : 'to-be-sized';
}
