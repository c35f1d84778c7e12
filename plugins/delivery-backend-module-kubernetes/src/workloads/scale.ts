import { KubeClient } from '../client';
import { PodOwner } from '../health';
import { KubePlan, mapping } from '../plan';
import { GenerationWish, parseScale, Scale } from './deploymentManifest';
import { LiveDeployment } from './readTarget';
import { REPLICAS_ANNOTATION } from '../names';
import { mostBeside } from '../traffic';
import { basisOf, scaledBeside } from './basis';

/** The Deployment that a scaler has in its hands now, by name. */
export async function scaledNow(
  client: KubeClient,
  { scalers }: KubePlan,
  namespace: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const scaler = scalers.find(({ scalesReplicas }) => scalesReplicas);
  if (!scaler) {
    return undefined;
  }
  const { apiVersion, kind, metadata } = scaler.object;
  const live = await client.get(
    { apiVersion, kind, name: metadata.name, namespace },
    signal,
  );
  const { name } = mapping(mapping(live?.spec)[scaler.field]);
  return typeof name === 'string' ? name : undefined;
}

/**
 * How many instances a generation gets.
 *
 * What the Plan's scaler has in its hands keeps the number that it gave.
 * Everything else gets what the engine asks for; and beside a generation that
 * its scaler has grown beyond its Plan, as many times more: a canary of a tenth
 * is a tenth of what runs, not of what the manifest says. It does not shrink
 * with it again, as the scaler sees only what requests the canary leaves to it.
 *
 * Where the share of the requests is the ratio of instances, it never gets so
 * many that it has more than its share, or one.
 */
export function scaleOf(options: {
  wish: GenerationWish;
  kubePlan: KubePlan;
  name: string;
  existing: PodOwner | undefined;
  /** The Deployment that the scaler has now. */
  scaled: string | undefined;
  deployments: LiveDeployment[];
}): Scale {
  const { wish, kubePlan, name, existing, scaled, deployments } = options;
  const { replicas: asked } = wish;
  const scaler = kubePlan.scalers.find(({ scalesReplicas }) => scalesReplicas);
  const live = existing?.spec?.replicas;
  if (
    scaled === name &&
    scaler &&
    live !== undefined &&
    live > 0 &&
    asked > 0
  ) {
    return {
      asked,
      given: live,
      scaler: `${scaler.object.kind}/${scaler.object.metadata.name}`,
    };
  }
  const before = parseScale(
    existing?.metadata.annotations?.[REPLICAS_ANNOTATION],
  );
  if (wish.track === 'draining' && before?.asked === asked && live) {
    // What a scaler gave it stays until the way back is given up.
    return { asked, given: live };
  }
  const basis = basisOf({ name, track: wish.track, existing, deployments });
  const planned = parseScale(
    scaledBeside(name, deployments)?.metadata.annotations?.[
      REPLICAS_ANNOTATION
    ],
  );
  const factor =
    basis && planned && planned.asked > 0
      ? Math.max(1, basis.most / planned.asked)
      : 1;
  const most = scaler?.max ?? Number.MAX_SAFE_INTEGER;
  const grown = Math.max(asked, Math.min(most, Math.ceil(asked * factor)));
  return {
    asked,
    given:
      basis?.percent === undefined
        ? grown
        : Math.min(grown, mostBeside(basis.percent, basis.now)),
    ...(basis && asked > 0 && { basis }),
  };
}
