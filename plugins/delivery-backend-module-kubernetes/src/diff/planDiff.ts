import {
  ObjectChange,
  PlanDiff,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { Plan } from '@slipway/backstage-plugin-delivery-node';
import { identityOf, namedBy, PRUNED_ROLES, readTargetState } from '../apply';
import { isNotFound, KubeClient, KubeObject, ListOptions } from '../client';
import { ClusterAccess } from '../clusterAccess';
import {
  CONFIG_ANNOTATION,
  ROLE_LABEL,
  SCALED_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
  TRACK_ANNOTATION,
} from '../names';
import { KubePlan, mapping, podSpecsOf, readPlan } from '../plan';
import { withoutGenerations } from '../traffic';
import { DryRunItem, dryRunPlan, readDeployments } from '../workloads';
import { comparable, comparableWorkload } from './comparable';
import { compareFields } from './compareFields';

const MAX_FIELDS = 200;

/** What a Plan would change of what a target runs; nothing is written. */
export function createPlanDiff({ cluster }: { cluster: ClusterAccess }) {
  return async (
    target: TargetRef,
    plan: Plan,
    signal: AbortSignal,
  ): Promise<PlanDiff> => {
    const kubePlan = readPlan(plan);
    const items = await dryRunPlan(
      cluster,
      kubePlan,
      { ...plan, target },
      signal,
    );
    const live = await readLive(cluster, target, kubePlan, signal);
    const routed = await withRules(cluster, items, kubePlan, target, signal);
    const changes = routed.flatMap(
      item => changeOf(item, kubePlan, live) ?? [],
    );
    return {
      changes: [...changes, ...live.removed],
      unchanged: items.length - changes.length,
    };
  };
}

/**
 * Routes with what traffic writes of them: generations are left out, as they
 * are no change that a Plan makes.
 */
async function withRules(
  cluster: ClusterAccess,
  items: DryRunItem[],
  { traffic }: KubePlan,
  target: TargetRef,
  signal: AbortSignal,
): Promise<DryRunItem[]> {
  const plannedOf = ({ wanted, role }: DryRunItem) =>
    role === 'other'
      ? traffic.routes.find(
          ({ kind, metadata }) =>
            kind === wanted.kind && metadata.name === wanted.metadata.name,
        )
      : undefined;
  if (!items.some(item => item.live && plannedOf(item))) {
    return items;
  }
  const fieldsOf = await withoutGenerations(cluster, target, signal);
  return await Promise.all(
    items.map(async item => {
      const planned = plannedOf(item);
      const fields =
        item.live && planned && (await fieldsOf(item.live, planned));
      const put = (object: KubeObject, spec: Record<string, unknown>) => ({
        ...object,
        spec: { ...mapping(object.spec), ...spec },
      });
      return item.live && fields
        ? {
            ...item,
            live: put(item.live, fields.before),
            result: put(item.result ?? item.wanted, fields.after),
          }
        : item;
    }),
  );
}

interface Live {
  /** What serves now, as a Deployment. */
  workload?: KubeObject;
  /** Those that it uses, by their name in its Plan. */
  configMaps: Map<string, KubeObject>;
  removed: ObjectChange[];
}

async function readLive(
  { client, namespaceOf }: ClusterAccess,
  target: TargetRef,
  kubePlan: KubePlan,
  signal: AbortSignal,
): Promise<Live> {
  const namespace = await namespaceOf(target);
  const deployments = await readDeployments(client, target, namespace, signal);
  const track = ({ object }: (typeof deployments)[number]) =>
    object.metadata.annotations?.[TRACK_ANNOTATION];
  const workload =
    deployments.find(deployment => track(deployment) === 'stable')?.object ??
    deployments.find(({ role }) => role === 'adopted')?.object ??
    deployments[0]?.object ??
    (await client.get(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        name: kubePlan.workload.metadata.name,
        namespace,
      },
      signal,
    ));
  const labelSelector = `${TARGET_LABEL}=${targetLabel(target)}`;
  const { items } = await client.list(
    { apiVersion: 'v1', kind: 'ConfigMap' },
    { namespace, labelSelector },
    signal,
  );
  const used = JSON.stringify(
    workload ? podSpecsOf(workload).map(({ spec }) => spec) : [],
  );
  const configMaps = items.filter(
    ({ metadata }) =>
      metadata.labels?.[ROLE_LABEL] === 'config' &&
      used.includes(`"${metadata.name}"`),
  );
  const named = new Set(namedBy(kubePlan));
  const removed: ObjectChange[] = [];
  const options = { namespace, labelSelector, metadataOnly: true };
  const { kinds } = await readTargetState(client, target, namespace, signal);
  for (const text of kinds) {
    const at = text.lastIndexOf('/');
    const kind = { apiVersion: text.slice(0, at), kind: text.slice(at + 1) };
    for (const { metadata } of await markedOf(client, kind, options, signal)) {
      const role = metadata.labels?.[ROLE_LABEL] ?? '';
      const isNamed = named.has(identityOf({ ...kind, name: metadata.name }));
      if (PRUNED_ROLES.includes(role) && role !== 'config' && !isNamed) {
        removed.push({
          id: `${kind.kind}/${metadata.name}`,
          change: 'removed',
          fields: [],
          more: 0,
        });
      }
    }
  }
  return {
    ...(workload && { workload }),
    configMaps: new Map(
      configMaps.map(map => [
        map.metadata.annotations?.[CONFIG_ANNOTATION] ?? map.metadata.name,
        map,
      ]),
    ),
    removed,
  };
}

/** A kind that the cluster does not serve any more has no objects left. */
async function markedOf(
  client: KubeClient,
  kind: { apiVersion: string; kind: string },
  options: ListOptions,
  signal: AbortSignal,
): Promise<KubeObject[]> {
  try {
    return (await client.list(kind, options, signal)).items;
  } catch (error) {
    if (isNotFound(error)) {
      return [];
    }
    throw error;
  }
}

function changeOf(
  item: DryRunItem,
  kubePlan: KubePlan,
  live: Live,
): ObjectChange | undefined {
  const { wanted, result, refused, conflict } = item;
  const pair = pairOf(item, kubePlan, live);
  const id = `${wanted.kind}/${pair.name}`;
  const isSecret = wanted.kind === 'Secret';
  const problem = refused
    ? `The cluster would refuse it: ${refused}`
    : conflict && `Others have a hand in it: ${conflict}`;
  const all =
    result && pair.before ? compareFields(pair.before, pair.after) : [];
  if (pair.before && all.length === 0 && !problem) {
    return undefined;
  }
  return {
    id,
    change: pair.before ? 'changed' : 'added',
    fields: all
      .slice(0, MAX_FIELDS)
      .map(field =>
        isSecret && /^(?:data|stringData)\b/.test(field.path)
          ? { path: field.path }
          : field,
      ),
    more: Math.max(0, all.length - MAX_FIELDS),
    ...(problem && { problem }),
  };
}

/** An object and what takes its place, in a form in which only real changes differ. */
function pairOf(
  { role, wanted, live: same, result = wanted }: DryRunItem,
  kubePlan: KubePlan,
  live: Live,
): { name: string; before?: unknown; after: unknown } {
  if (role === 'workload') {
    const names = new Map([
      ...kubePlan.configNames,
      ...[...live.configMaps].map(([name, { metadata }]): [string, string] => [
        metadata.name,
        name,
      ]),
    ]);
    const before = live.workload && comparableWorkload(live.workload, names);
    const after = comparableWorkload(result, names);
    if (live.workload?.metadata.annotations?.[SCALED_ANNOTATION] && before) {
      // The number is the scaler's.
      return {
        name: kubePlan.workload.metadata.name,
        before,
        after: {
          ...after,
          spec: {
            ...mapping(after.spec),
            replicas: mapping(before.spec).replicas,
          },
        },
      };
    }
    return { name: kubePlan.workload.metadata.name, before, after };
  }
  if (role === 'config') {
    const name =
      kubePlan.configNames.get(wanted.metadata.name) ?? wanted.metadata.name;
    const before = live.configMaps.get(name);
    return {
      name,
      before: before && comparable(before),
      after: comparable(result),
    };
  }
  const isScaler = kubePlan.scalers.some(
    ({ object }) =>
      object.metadata.name === wanted.metadata.name &&
      object.kind === wanted.kind,
  );
  return {
    name: wanted.metadata.name,
    before: same && comparable(isScaler ? withoutTarget(same) : same),
    after: comparable(isScaler ? withoutTarget(result) : result),
  };
}

/** Which generation a scaler has is no change that a Plan makes. */
function withoutTarget(object: KubeObject): KubeObject {
  const spec = mapping(object.spec);
  return {
    ...object,
    spec: { ...spec, scaleTargetRef: undefined, targetRef: undefined },
  };
}
