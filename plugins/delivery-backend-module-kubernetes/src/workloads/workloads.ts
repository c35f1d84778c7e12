import { setTimeout as delay } from 'node:timers/promises';
import { ConflictError } from '@backstage/errors';
import { isKnown, TargetRef } from '@slipway/backstage-plugin-delivery-common';
import {
  Plan,
  TrafficRouter,
  Workloads,
} from '@slipway/backstage-plugin-delivery-node';
import { fencedDelete, noteTargetState } from '../apply';
import { refOf } from '../client';
import { ClusterAccess } from '../clusterAccess';
import { createCrashEvidence } from '../health';
import { ADOPTED_ANNOTATION, GENERATION_LABEL } from '../names';
import { DEFAULT_POLICY, KubePlan, ManifestPolicy, readPlan } from '../plan';
import { retire } from './adoption';
import { ClusterTraffic } from '../traffic';
import { createDigestCheck, DigestCheck, PlatformDigests } from './digests';
import { createDriftAdmissions } from './driftAdmissions';
import { ensureInPlace, ensureOwn } from './ensure';
import { inspectPlan } from './inspect';
import { observeWorkloads } from './observeWorkloads';
import { isPodOf, readPods } from './readTarget';
import { ensureServices, removeServices } from './services';
import { adoptPlain, assertNotOlder, openSession, Session } from './session';

const LEAVING_WITHIN_MS = 3_000;
const LOOK_EVERY_MS = 100;

export interface WorkloadsOptions {
  cluster: ClusterAccess;
  /** What is only looked at is read here; see `shareLists`. Default: `cluster`. */
  seen?: ClusterAccess;
  /** Whether a generation still gets traffic is asked here before it is removed. */
  traffic?: Pick<TrafficRouter, 'observe'> &
    Partial<Pick<ClusterTraffic, 'release' | 'giveWay'>>;
  /** To tell the digest of an index from those of its platforms. */
  platformDigests?: PlatformDigests;
  /** The same, shared with those who show it. */
  digests?: DigestCheck;
  policy?: ManifestPolicy;
}

/** Generations as Deployments: see docs/decisions/0008-kubernetes.md. */
export function createWorkloads(options: WorkloadsOptions): Workloads {
  const { cluster, traffic, policy = DEFAULT_POLICY } = options;
  const { seen = cluster } = options;
  const { client } = cluster;
  const evidence = createCrashEvidence({ client });
  const digests = options.digests ?? createDigestCheck(options.platformDigests);
  const admissions = createDriftAdmissions(client);
  const plans = new WeakMap<Plan, KubePlan>();

  function kubePlanOf(plan: Plan): KubePlan {
    const known = plans.get(plan) ?? readPlan(plan);
    plans.set(plan, known);
    return known;
  }

  return {
    fencing: 'compare-and-set',
    inspect: async (objects, images, target, { jobs, beside } = {}) =>
      await inspectPlan({
        cluster,
        policy,
        plan: { objects, images, jobs },
        target,
        beside,
      }),
    async ensure(target, fence, { inPlace, ...wish }, signal) {
      const kubePlan = kubePlanOf(wish.plan);
      const session = await openSession(cluster, target, fence, signal);
      const mine = session.deployments.find(
        ({ role, generation }) =>
          role === 'workload' && generation === wish.generation,
      );
      const isInPlace = mine ? mine.inPlace : inPlace === true;
      if (!mine) {
        await assertNotOlder(session);
        if (!isInPlace) {
          await adoptPlain(session, kubePlan);
        }
      }
      await ensureServices(session.context, kubePlan, wish.generation);
      if (isInPlace) {
        await ensureInPlace(session, kubePlan, wish);
      } else {
        await ensureOwn(session, kubePlan, wish);
      }
    },
    observe: (target, signal) =>
      observeWorkloads(
        { cluster: seen, evidence, digests, admissions },
        target,
        signal,
      ),
    async remove(target, fence, generation, signal) {
      const session = await openSession(cluster, target, fence, signal);
      const { context, deployments } = session;
      await assertNoShare(traffic, target, generation, signal);
      await traffic?.release?.(target, fence, generation, signal);
      const mine = deployments.find(
        deployment => deployment.generation === generation,
      );
      if (mine?.object.metadata.annotations?.[ADOPTED_ANNOTATION]) {
        await retire(context, mine);
      } else if (mine) {
        await fencedDelete(context, refOf(mine.object), {
          existing: mine.object,
        });
      } else if (await isBeingReplaced(session, generation)) {
        return;
      }
      await removeServices(context, generation);
      const adopted = deployments.find(({ role }) => role === 'adopted');
      if (mine?.role === 'workload' && adopted) {
        await untilLeaving(session, generation);
        await traffic?.giveWay?.(target, fence, signal);
      }
      // Without Deployments nothing else would tell that this was done.
      await noteTargetState(context);
    },
  };
}

/** Its pods are no endpoints any more once they are on their way out. */
async function untilLeaving(
  { context }: Session,
  generation: string,
): Promise<void> {
  const { client, target, namespace, signal } = context;
  for (const endMs = Date.now() + LEAVING_WITHIN_MS; Date.now() < endMs; ) {
    const pods = await readPods(client, target, namespace, signal);
    const stays = pods.some(
      ({ metadata }) =>
        metadata.labels?.[GENERATION_LABEL] === generation &&
        !metadata.deletionTimestamp,
    );
    if (!stays) {
      return;
    }
    await delay(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** Kubernetes takes its last pods away in place; until then they serve. */
async function isBeingReplaced(
  { context, deployments }: Session,
  generation: string,
): Promise<boolean> {
  const { client, target, namespace, signal } = context;
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
  const beside = (seen.known.routes ?? []).some(
    route => route.generation === generation,
  );
  if (beside) {
    throw new ConflictError(
      `Generation ${generation} still gets requests by their headers, or copies of requests; it is removed once the router gives it nothing`,
    );
  }
  if (percent > 0) {
    throw new ConflictError(
      `Generation ${generation} still gets ${percent}% of the traffic; it is removed once the router gives it nothing`,
    );
  }
}
