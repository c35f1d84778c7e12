import { isMapping } from '@slipway/backstage-plugin-delivery-node';

const MAX_DEPTH = 100;

/** What runs containers inside of an object, and where it stands. */
export interface PodSpec {
  /** `spec.template.spec` */
  path: string;
  spec: Record<string, unknown>;
}

/**
 * Every pod spec of an object, whatever its kind: what has a list of
 * containers. Kinds of free text have none.
 */
export function podSpecsOf(object: Record<string, unknown>): PodSpec[] {
  const found: PodSpec[] = [];
  const walk = (value: unknown, path: string[]) => {
    if (path.length > MAX_DEPTH) {
      return;
    }
    if (Array.isArray(value)) {
      value.forEach((item, index) => walk(item, [...path, String(index)]));
    } else if (isMapping(value)) {
      if (Array.isArray(value.containers)) {
        found.push({ path: path.join('.'), spec: value });
      }
      for (const [key, child] of Object.entries(value)) {
        walk(child, [...path, key]);
      }
    }
  };
  if (object.kind !== 'ConfigMap' && object.kind !== 'Secret') {
    walk(object, []);
  }
  return found;
}

/** The members of a list that are maps; nothing where there is no list. */
export function mappings(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isMapping) : [];
}

/** A member that is a map; an empty one where there is none. */
export function mapping(value: unknown): Record<string, unknown> {
  return isMapping(value) ? value : {};
}

/** All containers of a pod spec, whenever they run. */
export function containersOf(
  spec: Record<string, unknown>,
): Array<{ path: string; container: Record<string, unknown> }> {
  return ['initContainers', 'containers', 'ephemeralContainers'].flatMap(list =>
    mappings(spec[list]).map((container, index) => ({
      path: `${list}.${index}`,
      container,
    })),
  );
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
