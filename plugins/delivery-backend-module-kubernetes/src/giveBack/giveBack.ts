import { isKnown, TargetRef } from '@slipway/backstage-plugin-delivery-common';
import {
  Connection,
  Fence,
  Plan,
  PlanObjects,
  Workloads,
} from '@slipway/backstage-plugin-delivery-node';
import {
  fencedApply,
  fencedDelete,
  fencedPatch,
  planManifests,
  readTargetState,
  WriteContext,
} from '../apply';
import { refOf } from '../client';
import { ClusterAccess } from '../clusterAccess';
import { PodOwner } from '../health';
import {
  ADOPTED_ANNOTATION,
  GENERATION_LABEL,
  REPLICAS_ANNOTATION,
  ROLE_LABEL,
  SCALED_ANNOTATION,
  TRACK_ANNOTATION,
} from '../names';
import { KubePlan, mapping, readPlan } from '../plan';
import { ClusterTraffic } from '../traffic';
import {
  isRecreated,
  LiveDeployment,
  openSession,
  parseScale,
  removeServices,
  WITHOUT_GAP,
} from '../workloads';
import { isOwned, listMarked, strip } from './strip';

/*
 * Giving a target back, so that a plain Deployment of the Plan's name and its
 * Service serve what was stable, as if we had never been there:
 *
 *     the Plan's Deployment beside the generation's own -> it is ready
 *     -> it gets the requests -> the generation goes -> main Services and
 *     routes without generations -> copies go -> scalers name the Deployment
 *     -> marks and ownership go, the Deployment's last -> its pods are renewed
 *     without marks, by Kubernetes (without a gap, also where its strategy is
 *     another) -> it has its own strategy
 *
 * Where it is stands in the cluster: whoever is called next goes on there.
 */

type Step = { done: boolean; message: string };

const waiting = (message: string): Step => ({ done: false, message });

/** Kinds that every target may have. */
const ALWAYS = ['v1/ConfigMap', 'v1/Service'];
/** What a Plan does not name, and we made for ourselves. */
const OURS_ALONE = ['generation-service', 'record'];

export function createGiveBack(options: {
  cluster: ClusterAccess;
  workloads: Pick<Workloads, 'ensure' | 'remove'>;
  traffic: ClusterTraffic;
  objects: Pick<PlanObjects, 'prune'>;
}): NonNullable<Connection['giveBack']> {
  const { cluster, workloads, traffic, objects } = options;

  /** Everything into the Plan's own Deployment; `undefined`: it is there. */
  async function moveInPlace(
    target: TargetRef,
    fence: Fence,
    plan: Plan,
    deployments: LiveDeployment[],
    kubePlan: KubePlan,
    signal: AbortSignal,
  ): Promise<Step | undefined> {
    const { name } = kubePlan.workload.metadata;
    const inPlace = deployments.find(
      ({ object, role }) =>
        role === 'workload' && object.metadata.name === name,
    );
    const others = deployments.filter(
      deployment => deployment !== inPlace && runs(deployment),
    );
    if (inPlace && others.length === 0) {
      return undefined;
    }
    const generation = inPlace?.generation ?? `back-${plan.id.slice(0, 8)}`;
    await workloads.ensure(
      target,
      fence,
      {
        generation,
        plan,
        track: 'stable',
        replicas: others.map(servingNow).find(count => count) ?? plan.replicas,
        inPlace: true,
      },
      signal,
    );
    const [now] = (
      await openSession(cluster, target, fence, signal)
    ).deployments.filter(({ object }) => object.metadata.name === name);
    const notReady = now && missing(now.object);
    if (notReady) {
      return waiting(notReady);
    }
    const shares = [{ generation, percent: 100 }];
    await traffic.request(target, fence, shares, signal);
    const seen = await traffic.observe(target, signal);
    if (!isKnown(seen)) {
      return waiting(`The traffic is not known: ${seen.unknown}`);
    }
    const share = seen.known.accepted.find(
      given => given.generation === generation,
    );
    if (seen.reflects < fence.revision || share?.percent !== 100) {
      return waiting(
        `The Deployment ${name} is ready; the traffic has not all come to it yet`,
      );
    }
    for (const other of others) {
      await workloads.remove(target, fence, other.generation, signal);
    }
    return waiting(`The Deployment ${name} serves; the copies are taken away`);
  }

  return async (target, fence, plan, signal) => {
    const kubePlan = readPlan(plan);
    const { name } = kubePlan.workload.metadata;
    const { context, deployments } = await openSession(
      cluster,
      target,
      fence,
      signal,
    );
    if (deployments.length > 0) {
      const step = await moveInPlace(
        target,
        fence,
        plan,
        deployments,
        kubePlan,
        signal,
      );
      if (step) {
        return step;
      }
      if (!(await traffic.letGo(target, fence, signal))) {
        return waiting('The gateways have not turned to the Service yet');
      }
      await handOver({ cluster, objects }, context, plan, kubePlan);
      return waiting(`The Deployment ${name} is Kubernetes' alone`);
    }
    const left: PodOwner | undefined = await context.client.get(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        name,
        namespace: context.namespace,
      },
      signal,
    );
    const unfinished = left && missing(left);
    if (unfinished) {
      return waiting(unfinished);
    }
    if (left && (await takesBackStrategy(context, left, kubePlan))) {
      return waiting(`The Deployment ${name} gets its own strategy back`);
    }
    await forget(context);
    return {
      done: true,
      message: `The Deployment ${name} and its Service serve without Slipway`,
    };
  };
}

/** Without generations there are no copies, and without us no marks. */
async function handOver(
  {
    cluster,
    objects,
  }: { cluster: ClusterAccess; objects: Pick<PlanObjects, 'prune'> },
  context: WriteContext,
  plan: Plan,
  kubePlan: KubePlan,
): Promise<void> {
  const { client, target, namespace, fence, signal } = context;
  for (const { metadata } of await listMarked(context, {
    apiVersion: 'v1',
    kind: 'Service',
  })) {
    const generation = metadata.labels?.[GENERATION_LABEL];
    if (generation) {
      await removeServices(context, generation);
    }
  }
  const manifests = await planManifests(
    cluster,
    kubePlan,
    plan,
    namespace,
    signal,
  );
  for (const scaler of manifests.scalersFor(kubePlan.workload.metadata.name)) {
    await fencedApply(context, refOf(scaler), () => scaler);
  }
  await objects.prune(target, fence, [plan], signal);
  const { kinds } = await readTargetState(client, target, namespace, signal);
  for (const text of new Set([...ALWAYS, ...kinds])) {
    const at = text.lastIndexOf('/');
    const kind = { apiVersion: text.slice(0, at), kind: text.slice(at + 1) };
    for (const object of await listMarked(context, kind)) {
      const role = object.metadata.labels?.[ROLE_LABEL] ?? '';
      if (!OURS_ALONE.includes(role)) {
        await strip(context, object);
      }
    }
  }
  // Last: by it a next call knows that there is something left to do.
  for (const deployment of await listMarked(context, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
  })) {
    await strip(
      context,
      deployment,
      isRecreated(kubePlan) ? { strategy: WITHOUT_GAP } : {},
    );
  }
}

/**
 * Its pods were renewed without a gap, and are from now on as its manifests
 * say. A change of the strategy renews none. `false`: there is nothing to do.
 */
async function takesBackStrategy(
  context: WriteContext,
  deployment: PodOwner,
  kubePlan: KubePlan,
): Promise<boolean> {
  const { strategy } = mapping(deployment.spec);
  if (isRecreated(kubePlan) && mapping(strategy).type !== 'Recreate') {
    await fencedPatch(
      context,
      refOf(deployment),
      () => ({ spec: { strategy: { type: 'Recreate', rollingUpdate: null } } }),
      { existing: deployment },
    );
    return true;
  }
  if (isOwned(deployment)) {
    await strip(context, deployment);
    return true;
  }
  return false;
}

/** The fence, and what the objects cannot tell, are needed no more. */
async function forget(context: WriteContext): Promise<void> {
  const { client, target, namespace, signal } = context;
  const { object } = await readTargetState(client, target, namespace, signal);
  if (object) {
    await fencedDelete(context, refOf(object), { existing: object });
  }
}

/** What was there before us stands still at 0 instances; it runs nothing. */
function runs({ object }: LiveDeployment): boolean {
  return (
    !object.metadata.annotations?.[ADOPTED_ANNOTATION] ||
    (object.spec?.replicas ?? 1) > 0
  );
}

/**
 * How many serve now, whoever said so: that many are given back. Beside what a
 * scaler has grown, as many of the Plan's are given as many times over.
 */
function servingNow({ object }: LiveDeployment): number | undefined {
  const { annotations = {} } = object.metadata;
  if (annotations[TRACK_ANNOTATION] !== 'stable') {
    return undefined;
  }
  const planned = parseScale(annotations[REPLICAS_ANNOTATION])?.asked;
  const { replicas = 1 } = object.spec ?? {};
  return annotations[SCALED_ANNOTATION] && planned && planned < replicas
    ? planned
    : replicas;
}

/** What a Deployment still lacks to serve with all of its instances. */
function missing({ metadata, spec, status }: PodOwner): string | undefined {
  const wanted = spec?.replicas ?? 1;
  const seen = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  const {
    updatedReplicas = 0,
    availableReplicas = 0,
    replicas = 0,
  } = status ?? {};
  const ready = seen ? Math.min(updatedReplicas, availableReplicas) : 0;
  return ready >= wanted && replicas <= wanted
    ? undefined
    : `${ready} of ${wanted} instances of the Deployment ${metadata.name} are ready`;
}
