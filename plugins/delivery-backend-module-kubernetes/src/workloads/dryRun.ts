import { InputError } from '@backstage/errors';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { Plan } from '@slipway/backstage-plugin-delivery-node';
import { conflictsOf, describeConflicts, planManifests } from '../apply';
import { KubeApiError, KubeObject, refOf } from '../client';
import { ClusterAccess } from '../clusterAccess';
import { FIELD_MANAGER } from '../names';
import { KubePlan } from '../plan';
import { generationDeployment } from './deploymentManifest';

/** Of a Deployment that is never made. */
const GENERATION = 'dry-run';
/** So many objects at a time; a Plan may have hundreds. */
const TOGETHER = 8;

/** What the cluster would make of one object of a Plan. */
export interface DryRunItem {
  /** `workload`: under a name that nothing has. */
  role: 'workload' | 'config' | 'other';
  wanted: KubeObject;
  /** As it is now; absent: it does not exist. */
  live?: KubeObject;
  /** As it would be, with the cluster's defaults. */
  result?: KubeObject;
  /** Why the cluster would not take it. */
  refused?: string;
  /** Fields that others own, for people. */
  conflict?: string;
}

/**
 * Sends every object of a Plan to the cluster as a dry run: its schema, its
 * defaults and its admission have their say, and nothing is written.
 * `withLive`: reads what is there, too.
 *
 * Errors: what the client throws when the cluster does not judge at all (it is
 * away, the namespace is missing, we may not write there).
 */
export async function dryRunPlan(
  cluster: ClusterAccess,
  kubePlan: KubePlan,
  plan: Plan,
  signal: AbortSignal,
  { withLive = true }: { withLive?: boolean } = {},
): Promise<DryRunItem[]> {
  const { target } = plan;
  const namespace = await cluster.namespaceOf(target);
  const manifests = await planManifests(
    cluster,
    kubePlan,
    plan,
    namespace,
    signal,
  );
  const workload = generationDeployment({
    kubePlan,
    target,
    namespace,
    wish: {
      generation: GENERATION,
      plan,
      track: 'canary',
      replicas: kubePlan.replicas,
    },
    scale: { asked: kubePlan.replicas, given: kubePlan.replicas },
  });
  const { configMaps, needed, shared, services, routes, jobs } = manifests;
  const all: Array<Pick<DryRunItem, 'role' | 'wanted'>> = [
    { role: 'workload', wanted: workload },
    ...configMaps.map(wanted => ({ role: 'config' as const, wanted })),
    ...[
      ...needed,
      ...shared,
      ...services,
      ...routes,
      ...manifests.scalersFor(workload.metadata.name),
      ...jobs,
    ].map(wanted => ({ role: 'other' as const, wanted })),
  ];
  const items: DryRunItem[] = [];
  for (let first = 0; first < all.length; first += TOGETHER) {
    const together = all.slice(first, first + TOGETHER);
    items.push(
      ...(await Promise.all(
        together.map(item => dryRun(cluster, item, withLive, signal)),
      )),
    );
  }
  return items;
}

async function dryRun(
  { client }: ClusterAccess,
  item: Pick<DryRunItem, 'role' | 'wanted'>,
  withLive: boolean,
  signal: AbortSignal,
): Promise<DryRunItem> {
  const { wanted } = item;
  const live = withLive && (await client.get(refOf(wanted), signal));
  const known = { ...item, ...(live && { live }) };
  const options = { fieldManager: FIELD_MANAGER, dryRun: true };
  try {
    return {
      ...known,
      result: await client.apply(wanted, options, signal),
    };
  } catch (error) {
    const conflicts = conflictsOf(error);
    if (conflicts) {
      return {
        ...known,
        conflict: describeConflicts(conflicts),
        result: await client.apply(wanted, { ...options, force: true }, signal),
      };
    }
    if (isRefusal(error)) {
      return { ...known, refused: error.body.message ?? error.message };
    }
    throw error;
  }
}

/**
 * The object is wrong, and not the moment. An unknown field is no 4xx: applying
 * it cannot even be tried, which the API server answers with 500.
 */
function isRefusal(error: unknown): error is KubeApiError {
  if (!(error instanceof KubeApiError)) {
    return false;
  }
  switch (error.status) {
    case 400:
    case 422:
      return true;
    case 403:
      return /denied the request|PodSecurity/.test(error.message);
    case 500:
      return /failed to create typed patch object/.test(error.message);
    default:
      return false;
  }
}

/** Errors: `InputError` with file and line of what the cluster would not take. */
export async function assertAccepted(options: {
  cluster: ClusterAccess;
  kubePlan: KubePlan;
  plan: Pick<Plan, 'objects' | 'jobs' | 'images'>;
  target: TargetRef;
  signal: AbortSignal;
}): Promise<void> {
  const { cluster, kubePlan, plan, target, signal } = options;
  const items = await dryRunPlan(
    cluster,
    kubePlan,
    {
      ...plan,
      id: 'dry-run',
      releaseId: 'dry-run',
      target,
      replicas: 0,
      ignored: [],
    },
    signal,
    { withLive: false },
  );
  const problems = items.flatMap(({ refused, wanted, role }) => {
    if (!refused) {
      return [];
    }
    const name =
      role === 'workload'
        ? kubePlan.workload.metadata.name
        : kubePlan.configNames.get(wanted.metadata.name) ??
          wanted.metadata.name;
    const place = kubePlan.items.find(
      ({ object }) =>
        object.kind === wanted.kind && object.metadata.name === name,
    )?.place;
    return [`${place ?? `${wanted.kind} "${name}"`}: ${refused}`];
  });
  if (problems.length > 0) {
    throw new InputError(
      `The cluster ${
        cluster.name
      } does not take the manifests:\n${problems.join('\n')}`,
    );
  }
}
