import { createHash } from 'node:crypto';
import { ConfigMapManifest } from './kinds';
import { containersOf, mapping, mappings } from './podSpecs';

/*
 * A ConfigMap that pods of the Plan use gets the hash of its content into its
 * name, and the pods get that name: other content is another pod template.
 */

const MAX_NAME = 253;
const HASH_LENGTH = 10;

function sortedEntries(map: Record<string, string> | null | undefined) {
  return Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** `checkout-5f1c0a9be2`: the same content always has the same name. */
export function hashedName(map: ConfigMapManifest): string {
  const hash = createHash('sha256')
    .update(
      JSON.stringify([sortedEntries(map.data), sortedEntries(map.binaryData)]),
    )
    .digest('hex')
    .slice(0, HASH_LENGTH);
  return `${map.metadata.name.slice(0, MAX_NAME - HASH_LENGTH - 1)}-${hash}`;
}

/** Every place of a pod spec that names a ConfigMap: the map and its key there. */
function configMapPlaces(
  spec: Record<string, unknown>,
): Array<Record<string, unknown>> {
  const ofContainers = containersOf(spec).flatMap(({ container }) => [
    ...mappings(container.env).map(
      ({ valueFrom }) => mapping(valueFrom).configMapKeyRef,
    ),
    ...mappings(container.envFrom).map(({ configMapRef }) => configMapRef),
  ]);
  const ofVolumes = mappings(spec.volumes).flatMap(volume => [
    volume.configMap,
    ...mappings(mapping(volume.projected).sources).map(
      ({ configMap }) => configMap,
    ),
  ]);
  return [...ofContainers, ...ofVolumes]
    .map(mapping)
    .filter(({ name }) => typeof name === 'string');
}

/** The ConfigMaps that a pod spec uses, by name. */
export function configMapsUsed(spec: Record<string, unknown>): string[] {
  return [...new Set(configMapPlaces(spec).map(({ name }) => String(name)))];
}

/** Gives the pod spec the new names, in place. */
export function renameConfigMaps(
  spec: Record<string, unknown>,
  names: Map<string, string>,
): void {
  for (const place of configMapPlaces(spec)) {
    const renamed = names.get(String(place.name));
    if (renamed) {
      place.name = renamed;
    }
  }
}
