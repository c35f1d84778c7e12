import { KubeApiError, KubeObject, ObjectRef, refOf } from '../client';
import {
  ADOPTED_ANNOTATION,
  EPOCH_ANNOTATION,
  GENERATION_LABEL,
  PLAN_ANNOTATION,
  RELEASE_ANNOTATION,
  REVISION_ANNOTATION,
  ROLE_LABEL,
  TARGET_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
} from '../names';
import { KubePlan } from '../plan';
import { ClusterTraffic } from '../traffic';
import { WriteContext } from './fence';
import { fencedDelete } from './fencedDelete';
import { fencedPatch } from './fencedPatch';
import { readTargetState } from './targetState';

/** Kinds that every target has, whatever its Plans name. */
const ALWAYS = ['v1/ConfigMap', 'v1/Service'];
/** Roles of what a Plan names. */
export const PRUNED_ROLES = ['config', 'shared', 'main-service', 'route'];

/** The same object whatever version of its API it was written in. */
export function identityOf({
  apiVersion,
  kind,
  name,
}: Pick<ObjectRef, 'apiVersion' | 'kind' | 'name'>): string {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
  return `${group}/${kind}/${name}`;
}

/** What a Plan names beside its workload. */
export function namedBy(kubePlan: KubePlan): string[] {
  const { configMaps, needed, shared, traffic, scalers } = kubePlan;
  return [
    ...configMaps,
    ...needed,
    ...shared,
    ...traffic.services,
    ...traffic.routes,
    ...scalers.map(({ object }) => object),
  ].map(({ apiVersion, kind, metadata }) =>
    identityOf({ apiVersion, kind, name: metadata.name }),
  );
}

/**
 * Everything that carries the target's label and that no Plan names any more:
 * deleted where we made it, given back where it was there before us. Services of
 * generations go with their Deployment.
 */
export async function pruneTarget(
  context: WriteContext,
  kept: KubePlan[],
  traffic: Pick<ClusterTraffic, 'release'>,
): Promise<void> {
  const { client, target, namespace, signal } = context;
  const named = new Set(kept.flatMap(namedBy));
  const { kinds } = await readTargetState(client, target, namespace, signal);
  const generations = await livingGenerations(context);
  for (const text of new Set([...ALWAYS, ...kinds])) {
    const at = text.lastIndexOf('/');
    const kind = { apiVersion: text.slice(0, at), kind: text.slice(at + 1) };
    for (const existing of await listOurs(context, kind)) {
      const ref = refOf(existing);
      const role = existing.metadata.labels?.[ROLE_LABEL] ?? '';
      const generation = existing.metadata.labels?.[GENERATION_LABEL];
      const isLeft =
        role === 'generation-service'
          ? generation !== undefined && !generations.has(generation)
          : PRUNED_ROLES.includes(role) && !named.has(identityOf(ref));
      if (
        !isLeft ||
        targetLabel(target) !== existing.metadata.labels?.[TARGET_LABEL]
      ) {
        continue;
      }
      if (role === 'generation-service' && generation) {
        // A route that names what is not there is refused as a whole.
        await traffic.release(target, context.fence, generation, signal);
      }
      if (existing.metadata.annotations?.[ADOPTED_ANNOTATION]) {
        await giveBack(context, existing);
      } else {
        await fencedDelete(context, ref, { existing });
      }
    }
  }
}

async function livingGenerations({
  client,
  target,
  namespace,
  signal,
}: WriteContext): Promise<Set<string | undefined>> {
  const labelSelector = `${TARGET_LABEL}=${targetLabel(target)}`;
  const found = await Promise.all(
    [
      { apiVersion: 'apps/v1', kind: 'Deployment' },
      // What is being replaced in place lives on in its pods only.
      { apiVersion: 'v1', kind: 'Pod' },
    ].map(kind =>
      client.list(
        kind,
        { namespace, labelSelector, metadataOnly: true },
        signal,
      ),
    ),
  );
  return new Set(
    found
      .flatMap(({ items }) => items)
      .filter(({ metadata }) => !metadata.deletionTimestamp)
      .map(({ metadata }) => metadata.labels?.[GENERATION_LABEL]),
  );
}

/** A kind that the cluster does not serve any more has no objects left. */
async function listOurs(
  { client, target, namespace, signal }: WriteContext,
  kind: { apiVersion: string; kind: string },
): Promise<KubeObject[]> {
  try {
    const { items } = await client.list(
      kind,
      {
        namespace,
        labelSelector: `${TARGET_LABEL}=${targetLabel(target)}`,
        metadataOnly: true,
      },
      signal,
    );
    return items;
  } catch (error) {
    if (error instanceof KubeApiError && error.status === 404) {
      return [];
    }
    throw error;
  }
}

/** What was there before us stays, without our marks. */
async function giveBack(
  context: WriteContext,
  existing: KubeObject,
): Promise<void> {
  const absent = (names: string[]) =>
    Object.fromEntries(names.map(name => [name, null]));
  await fencedPatch(
    context,
    refOf(existing),
    () => ({
      metadata: {
        labels: absent([TARGET_LABEL, ROLE_LABEL]),
        annotations: absent([
          TARGET_ANNOTATION,
          EPOCH_ANNOTATION,
          REVISION_ANNOTATION,
          ADOPTED_ANNOTATION,
          PLAN_ANNOTATION,
          RELEASE_ANNOTATION,
        ]),
      },
    }),
    { existing },
  );
}
