import { ConflictError } from '@backstage/errors';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import {
  Fence,
  Plan,
  PlanObjects,
} from '@slipway/backstage-plugin-delivery-node';
import { KubeObject, refOf } from '../client';
import { ClusterAccess } from '../clusterAccess';
import {
  assertAllowed,
  DEFAULT_POLICY,
  KubePlan,
  ManifestPolicy,
  readPlan,
} from '../plan';
import { ClusterTraffic } from '../traffic';
import { WriteContext } from './fence';
import { fencedApply } from './fencedApply';
import { conflictsOf, describeConflicts } from './owners';
import { planManifests, PlanManifests } from './planManifests';
import { pruneTarget } from './prune';
import { applyScalers } from './scalers';
import { noteTargetState, readTargetState } from './targetState';

export interface PlanObjectsOptions {
  cluster: ClusterAccess;
  traffic: Pick<ClusterTraffic, 'bind' | 'release'>;
  policy?: ManifestPolicy;
}

/**
 * Everything of a Plan but its workload.
 *
 * `before`: what new pods need and nobody else sees: ConfigMaps by content, and
 * what pods cannot start without where it does not exist yet. A target that has
 * no traffic yet gets its Services and routes as well, as there is nothing that
 * this could disturb.
 *
 * `promote`: everything that is shared, in the order of its dependencies.
 */
export function createPlanObjects(options: PlanObjectsOptions): PlanObjects {
  const { cluster, policy = DEFAULT_POLICY } = options;
  const { client } = cluster;

  async function open(target: TargetRef, fence: Fence, signal: AbortSignal) {
    const namespace = await cluster.namespaceOf(target);
    return { client, target, namespace, fence, signal };
  }

  return {
    async apply(target, fence, plan, phase, signal) {
      const context = await open(target, fence, signal);
      const kubePlan = readPlan(plan);
      // A rollback brings an old Plan under the policy of today.
      await assertAllowed(cluster, kubePlan, target, policy, signal);
      const manifests = await planManifests(
        cluster,
        kubePlan,
        plan,
        context.namespace,
        signal,
      );
      await noteTargetState(context, {
        kinds: kindsOf(manifests),
        onlyIfNew: true,
      });
      if (phase === 'before') {
        await createMissing(context, [
          ...manifests.configMaps,
          ...manifests.needed,
        ]);
        const { bound } = await readTargetState(
          client,
          target,
          context.namespace,
          signal,
        );
        if (!bound) {
          await applyTraffic(options, context, kubePlan, manifests);
        }
        return;
      }
      await createMissing(context, manifests.configMaps);
      for (const object of [...manifests.needed, ...manifests.shared]) {
        await fencedApply(context, refOf(object), () => object);
      }
      await applyTraffic(options, context, kubePlan, manifests);
      await applyScalers(context, kubePlan, plan, manifests);
    },
    async prune(target, fence, keep, signal) {
      const context = await open(target, fence, signal);
      if (keep.length === 0) {
        // What comes next is the first again.
        await noteTargetState(context, { bound: false, onlyIfNew: true });
      }
      await pruneTarget(
        context,
        keep.map((plan: Plan) => readPlan(plan)),
        options.traffic,
      );
    },
  };
}

function kindsOf(manifests: PlanManifests): string[] {
  const { configMaps, needed, shared, services, routes } = manifests;
  return [
    ...configMaps,
    ...needed,
    ...shared,
    ...services,
    ...routes,
    ...manifests.scalersFor(''),
  ].map(({ apiVersion, kind }) => `${apiVersion}/${kind}`);
}

async function createMissing(
  context: WriteContext,
  objects: KubeObject[],
): Promise<void> {
  for (const object of objects) {
    await fencedApply(context, refOf(object), existing =>
      existing ? undefined : object,
    );
  }
}

/** In the order of `traffic/contract.ts`. */
async function applyTraffic(
  { traffic }: PlanObjectsOptions,
  context: WriteContext,
  kubePlan: KubePlan,
  manifests: PlanManifests,
): Promise<void> {
  const { target, fence, signal } = context;
  for (const object of manifests.services) {
    await fencedApply(context, refOf(object), () => object);
  }
  try {
    await traffic.bind(
      target,
      fence,
      kubePlan.traffic,
      { takeOver: fence.takeOver },
      signal,
    );
  } catch (error) {
    const conflicts = conflictsOf(error);
    if (conflicts) {
      throw new ConflictError(
        `The traffic of ${target.service} in ${
          target.environment
        } was changed by others: ${describeConflicts(
          conflicts,
        )}. Take over to make it Slipway's again`,
        error,
      );
    }
    throw error;
  }
  for (const object of manifests.routes) {
    await fencedApply(context, refOf(object), () => object);
  }
  await noteTargetState(context, { bound: true, onlyIfNew: true });
}
