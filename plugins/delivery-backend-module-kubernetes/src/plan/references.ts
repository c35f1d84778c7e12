import { PlanReference } from '@slipway/backstage-plugin-delivery-node';
import { isForbidden, KubeClient, KubeObject } from '../client';
import { configMapsUsed } from './configMaps';
import { mapping, mappings, podSpecsOf, textOf } from './podSpecs';
import { KubePlan } from './readPlan';
import { isVersionedName } from './secretReferences';

/** What is known of an object that a Plan only refers to; never its content. */
type Lookup = (kind: string) => Promise<Map<string, KubeObject>>;

/** Who set `immutable` left that field's name in the metadata. */
function isImmutable({ metadata }: KubeObject): boolean {
  return (metadata.managedFields ?? []).some(
    ({ fieldsV1 = {} }) => 'f:immutable' in fieldsV1,
  );
}

/**
 * Everything that the pods of a Plan use and that the Plan does not hold:
 * Secrets, ConfigMaps and volumes of the environment. What has its version in
 * its name, or was made immutable, comes back with the Plan; of everything else
 * only what it was can be said.
 *
 * Only metadata is read. Where even that is not allowed nothing is said about
 * versions.
 */
export async function planReferences(
  client: KubeClient,
  kubePlan: KubePlan,
  namespace: string,
  signal: AbortSignal,
): Promise<PlanReference[]> {
  const lookup = createLookup(client, namespace, signal);
  const wanted = [...referred(kubePlan)];
  return await Promise.all(
    wanted.map(async ({ kind, name, versioned, optional }) => {
      if (versioned) {
        return { kind, name, restorable: true };
      }
      const found = (await lookup(kind)).get(name);
      const { uid, resourceVersion } = found?.metadata ?? {};
      const detail = optional ? { detail: 'optional' } : {};
      return found && isImmutable(found)
        ? { kind, name, restorable: true, version: uid, ...detail }
        : {
            kind,
            name,
            restorable: false,
            ...(resourceVersion && { version: resourceVersion }),
            ...detail,
          };
    }),
  );
}

interface Referred {
  kind: string;
  name: string;
  versioned: boolean;
  optional: boolean;
}

function* referred(kubePlan: KubePlan): Generator<Referred> {
  const { secrets, items, configMaps } = kubePlan;
  yield* secrets;
  const own = new Set([
    ...configMaps.map(({ metadata }) => metadata.name),
    ...items
      .filter(({ object }) => object.kind === 'ConfigMap')
      .map(({ object }) => object.metadata.name),
  ]);
  const seen = new Set<string>();
  for (const { object } of items) {
    for (const { spec } of podSpecsOf(object)) {
      const used: Array<[string, string]> = [
        ...configMapsUsed(spec)
          .filter(name => !own.has(name))
          .map((name): [string, string] => ['ConfigMap', name]),
        ...mappings(spec.volumes).flatMap(({ persistentVolumeClaim }) => {
          const name = textOf(mapping(persistentVolumeClaim).claimName);
          return name
            ? [['PersistentVolumeClaim', name] as [string, string]]
            : [];
        }),
      ];
      for (const [kind, name] of used) {
        if (!seen.has(`${kind}/${name}`)) {
          seen.add(`${kind}/${name}`);
          yield {
            kind,
            name,
            versioned: kind === 'ConfigMap' && isVersionedName(name),
            optional: false,
          };
        }
      }
    }
  }
}

const READ_KINDS = ['Secret', 'ConfigMap'];

function createLookup(
  client: KubeClient,
  namespace: string,
  signal: AbortSignal,
): Lookup {
  const lists = new Map<string, Promise<Map<string, KubeObject>>>();
  const read = async (kind: string) => {
    if (!READ_KINDS.includes(kind)) {
      return new Map<string, KubeObject>();
    }
    try {
      const { items } = await client.list(
        { apiVersion: 'v1', kind },
        { namespace, metadataOnly: true },
        signal,
      );
      return new Map(items.map(item => [item.metadata.name, item]));
    } catch (error) {
      if (isForbidden(error)) {
        return new Map<string, KubeObject>();
      }
      throw error;
    }
  };
  return kind => {
    const known = lists.get(kind) ?? read(kind);
    lists.set(kind, known);
    return known;
  };
}
