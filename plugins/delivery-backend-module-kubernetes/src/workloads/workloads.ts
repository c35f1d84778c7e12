import { ConflictError } from '@backstage/errors';
import { isKnown, TargetRef } from '@slipway/backstage-plugin-delivery-common';
import {
  Fence,
  Plan,
  TrafficRouter,
  Workloads,
} from '@slipway/backstage-plugin-delivery-node';
import {
  assertWritable,
  fencedApply,
  fencedDelete,
  FieldConflict,
  noteTargetState,
  readTargetState,
  WriteContext,
} from '../apply';
import { refOf } from '../client';
import { ClusterAccess } from '../clusterAccess';
import { createCrashEvidence, PodOwner } from '../health';
import {
  ADOPTED_ANNOTATION,
  GENERATION_LABEL,
  generationName,
  ROLE_LABEL,
  RUN_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
} from '../names';
import {
  DEFAULT_POLICY,
  KubePlan,
  ManifestPolicy,
  mapping,
  readPlan,
} from '../plan';
import { generationService } from '../traffic';
import { adopt, retire } from './adoption';
import {
  generationDeployment,
  GenerationWish,
  InPlace,
} from './deploymentManifest';
import { createDigestCheck, PlatformDigests } from './digests';
import { inspectPlan } from './inspect';
import { observeWorkloads } from './observeWorkloads';
import {
  isPodOf,
  LiveDeployment,
  readDeployments,
  readPods,
} from './readTarget';
import { scaledNow, scaleOf } from './scale';

export interface WorkloadsOptions {
  cluster: ClusterAccess;
  /** Whether a generation still gets traffic is asked here before it is removed. */
  traffic?: Pick<TrafficRouter, 'observe'>;
  /** To tell the digest of an index from those of its platforms. */
  platformDigests?: PlatformDigests;
  policy?: ManifestPolicy;
}

/** Generations as Deployments: see docs/decisions/0008-kubernetes.md. */
export function createWorkloads(options: WorkloadsOptions): Workloads {
  const { cluster, traffic, policy = DEFAULT_POLICY } = options;
  const { client } = cluster;
  const evidence = createCrashEvidence({ client });
  const digests = createDigestCheck(options.platformDigests);
  const plans = new WeakMap<Plan, KubePlan>();

  function kubePlanOf(plan: Plan): KubePlan {
    const known = plans.get(plan) ?? readPlan(plan.objects);
    plans.set(plan, known);
    return known;
  }

  async function open(
    target: TargetRef,
    fence: Fence,
    signal: AbortSignal,
  ): Promise<{ context: WriteContext; deployments: LiveDeployment[] }> {
    const namespace = await cluster.namespaceOf(target);
    const context = { client, target, namespace, fence, signal };
    const deployments = await readDeployments(
      client,
      target,
      namespace,
      signal,
    );
    deployments.forEach(({ object }) => assertWritable(context, object));
    return { context, deployments };
  }

  return {
    fencing: 'compare-and-set',
    inspect: async (objects, _images, target) =>
      await inspectPlan({ cluster, policy, objects, target }),
    async ensure(target, fence, { inPlace, ...wish }, signal) {
      const kubePlan = kubePlanOf(wish.plan);
      const { context, deployments } = await open(target, fence, signal);
      const mine = deployments.find(
        ({ role, generation }) =>
          role === 'workload' && generation === wish.generation,
      );
      const isInPlace = mine ? mine.inPlace : inPlace === true;
      if (!mine) {
        await assertNotOlder(context, deployments);
        if (!isInPlace) {
          await adoptPlain(context, deployments, kubePlan);
        }
      }
      await ensureServices(context, kubePlan, wish.generation);
      if (isInPlace) {
        await ensureInPlace(context, deployments, kubePlan, wish);
      } else {
        await ensureOwn(context, deployments, kubePlan, wish);
      }
    },
    observe: (target, signal) =>
      observeWorkloads({ cluster, evidence, digests }, target, signal),
    async remove(target, fence, generation, signal) {
      const { context, deployments } = await open(target, fence, signal);
      await assertNoShare(traffic, target, generation, signal);
      const mine = deployments.find(
        deployment => deployment.generation === generation,
      );
      if (mine?.object.metadata.annotations?.[ADOPTED_ANNOTATION]) {
        await retire(context, mine);
      } else if (mine) {
        await fencedDelete(context, refOf(mine.object), {
          existing: mine.object,
        });
      } else if (await isBeingReplaced(context, deployments, generation)) {
        return;
      }
      await removeServices(context, generation);
      // Without Deployments nothing else would tell that this was done.
      await noteTargetState(context);
    },
  };
}

/** Kubernetes takes its last pods away in place; until then they serve. */
async function isBeingReplaced(
  { client, target, namespace, signal }: WriteContext,
  deployments: LiveDeployment[],
  generation: string,
): Promise<boolean> {
  const inPlace = deployments.filter(deployment => deployment.inPlace);
  if (inPlace.length === 0) {
    return false;
  }
  const pods = await readPods(client, target, namespace, signal);
  return pods.some(
    pod =>
      pod.metadata.labels?.[GENERATION_LABEL] === generation &&
      !pod.metadata.deletionTimestamp &&
      inPlace.some(({ object }) => isPodOf(pod, object)),
  );
}

/** The fence when nothing runs. */
async function assertNotOlder(
  context: WriteContext,
  deployments: LiveDeployment[],
): Promise<void> {
  const { client, target, namespace, signal } = context;
  if (deployments.length === 0) {
    const { object } = await readTargetState(client, target, namespace, signal);
    if (object) {
      assertWritable(context, object);
    }
  }
}

/** What ran here before us under the Plan's name is seen as a generation from now on. */
async function adoptPlain(
  context: WriteContext,
  deployments: LiveDeployment[],
  { workload }: KubePlan,
): Promise<void> {
  const { name } = workload.metadata;
  if (!deployments.some(({ object }) => object.metadata.name === name)) {
    await adopt(context, { name });
  }
}

async function ensureServices(
  context: WriteContext,
  { traffic }: KubePlan,
  generation: string,
): Promise<void> {
  const { client, target, namespace, signal } = context;
  if (traffic.services.length === 0) {
    return;
  }
  const { items } = await client.list(
    { apiVersion: 'v1', kind: 'Service' },
    { namespace, labelSelector: selectorOf(target, generation) },
    signal,
  );
  const there = new Set(
    items
      .filter(({ metadata }) => !metadata.deletionTimestamp)
      .map(({ metadata }) => metadata.name),
  );
  for (const main of traffic.services) {
    const service = generationService(
      { ...main, metadata: { ...main.metadata, namespace } },
      target,
      generation,
    );
    if (!there.has(service.metadata.name)) {
      await fencedApply(context, refOf(service), () => service, {
        ownName: true,
      });
    }
  }
}

function selectorOf(target: TargetRef, generation: string): string {
  return `${TARGET_LABEL}=${targetLabel(
    target,
  )},${GENERATION_LABEL}=${generation}`;
}

async function removeServices(
  context: WriteContext,
  generation: string,
): Promise<void> {
  const { client, target, namespace, signal } = context;
  const { items } = await client.list(
    { apiVersion: 'v1', kind: 'Service' },
    { namespace, labelSelector: selectorOf(target, generation) },
    signal,
  );
  for (const existing of items) {
    if (existing.metadata.labels?.[ROLE_LABEL] === 'generation-service') {
      await fencedDelete(context, refOf(existing), { existing });
    }
  }
}

/** A Deployment of the generation's own: made once, scaled, never rolled. */
async function ensureOwn(
  context: WriteContext,
  deployments: LiveDeployment[],
  kubePlan: KubePlan,
  wish: GenerationWish,
): Promise<void> {
  const { client, target, namespace, signal } = context;
  const name = generationName(kubePlan.workload.metadata.name, wish.generation);
  const scaled = await scaledNow(client, kubePlan, namespace, signal);
  await fencedApply(
    context,
    { apiVersion: 'apps/v1', kind: 'Deployment', name, namespace },
    (existing: PodOwner | undefined) =>
      generationDeployment({
        kubePlan,
        target,
        namespace,
        wish,
        scale: scaleOf({ wish, kubePlan, name, existing, scaled, deployments }),
      }),
    {
      ownName: true,
      existing: named(deployments, name),
      mayTake: isLeftByScaler,
    },
  );
}

/** What is in place is replaced by this generation, as Kubernetes does that. */
async function ensureInPlace(
  context: WriteContext,
  deployments: LiveDeployment[],
  kubePlan: KubePlan,
  wish: GenerationWish,
): Promise<void> {
  const { client, target, namespace, signal } = context;
  const { name } = kubePlan.workload.metadata;
  const current = deployments.find(
    ({ object, role }) => object.metadata.name === name && role === 'workload',
  );
  if (
    wish.replicas === 0 &&
    (!current || current.generation !== wish.generation)
  ) {
    return;
  }
  const scaled = await scaledNow(client, kubePlan, namespace, signal);
  await fencedApply(
    context,
    { apiVersion: 'apps/v1', kind: 'Deployment', name, namespace },
    (existing: PodOwner | undefined) =>
      generationDeployment({
        kubePlan,
        target,
        namespace,
        wish,
        scale: scaleOf({ wish, kubePlan, name, existing, scaled, deployments }),
        inPlace: keptOfRun(existing, wish.generation),
      }),
    { existing: named(deployments, name), mayTake: isLeftByScaler },
  );
}

/**
 * A scaler that does not have this Deployment any more: while it has, what it
 * gave is applied as it is, and so is no conflict. `kubectl scale` writes the
 * same field by another way.
 */
function isLeftByScaler({ field, manager }: FieldConflict): boolean {
  return field === '.spec.replicas' && manager === 'kube-controller-manager';
}

function named(
  deployments: LiveDeployment[],
  name: string,
): PodOwner | undefined {
  return deployments.find(({ object }) => object.metadata.name === name)
    ?.object;
}

/** What the rollout that brought a generation in place has said about it stays. */
function keptOfRun(
  existing: PodOwner | undefined,
  generation: string,
): InPlace {
  const run = existing?.metadata.annotations?.[RUN_ANNOTATION];
  const isSame = existing?.metadata.labels?.[GENERATION_LABEL] === generation;
  const { strategy, progressDeadlineSeconds } = mapping(existing?.spec);
  return run && isSame
    ? {
        run,
        strategy: mapping(strategy),
        progressDeadlineSeconds: Number(progressDeadlineSeconds),
      }
    : {};
}

/** Errors: `ConflictError` while the router is not seen to give it nothing. */
async function assertNoShare(
  traffic: WorkloadsOptions['traffic'],
  target: TargetRef,
  generation: string,
  signal: AbortSignal,
): Promise<void> {
  const seen = await traffic?.observe(target, signal);
  if (!seen) {
    return;
  }
  if (!isKnown(seen)) {
    throw new ConflictError(
      `Generation ${generation} is not removed while it is not known whether it gets traffic: ${seen.unknown}`,
    );
  }
  const percent = seen.known.accepted
    .filter(share => share.generation === generation)
    .reduce((sum, share) => sum + share.percent, 0);
  if (percent > 0) {
    throw new ConflictError(
      `Generation ${generation} still gets ${percent}% of the traffic; it is removed once the router gives it nothing`,
    );
  }
}
