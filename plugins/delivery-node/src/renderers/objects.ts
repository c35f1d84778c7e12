import { InputError } from '@backstage/errors';
import { parse } from 'yaml';
import { PlanObject } from '../ports';

/*
 * What holds for Kubernetes objects whatever rendered them. Places are given as
 * text: a renderer that knows its sources says file and line, others the
 * object's id.
 */

/** @public */
export type KubernetesObject = Record<string, unknown>;

const CONTAINER_LISTS = [
  'containers',
  'initContainers',
  'ephemeralContainers',
] as const;
const MAX_DEPTH = 100;

/** Whether it is a map, and neither a list nor nothing. @public */
export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The content of a rendered object, where it is YAML or JSON; `undefined` for
 * other media types.
 *
 * Errors: `InputError` when it is not what it says.
 *
 * @public
 */
export function parseObject(object: PlanObject): KubernetesObject | undefined {
  if (!/\b(?:json|ya?ml)\b/.test(object.mediaType)) {
    return undefined;
  }
  let value: unknown;
  try {
    value = parse(object.bytes.toString('utf8'), { maxAliasCount: 100 });
  } catch (error) {
    throw new InputError(
      `${object.id} was rendered as ${object.mediaType}, which it is not`,
      error,
    );
  }
  if (!isMapping(value)) {
    throw new InputError(`${object.id} is not an object`);
  }
  return value;
}

/**
 * A Plan holds no secret values, as it is stored and shown.
 *
 * Errors: `InputError` for a Secret with literal content.
 *
 * @public
 */
export function assertNoLiteralSecret(
  object: KubernetesObject,
  where: string,
): void {
  const filled = ['data', 'stringData'].some(field => {
    const content = object[field];
    return isMapping(content)
      ? Object.keys(content).length > 0
      : content !== undefined && content !== null;
  });
  if (object.kind === 'Secret' && filled) {
    throw new InputError(
      `${where}: a Secret with its values in the repository is refused; keep the values in the environment and refer to them by name`,
    );
  }
}

/** Calls back for every container of every pod template, wherever it stands. */
function eachContainer(
  value: unknown,
  visit: (container: Record<string, unknown>, path: string[]) => void,
  path: string[],
): void {
  if (path.length > MAX_DEPTH) {
    throw new InputError(
      `An object is nested more than ${MAX_DEPTH} levels deep`,
    );
  }
  if (Array.isArray(value)) {
    value.forEach((item, index) =>
      eachContainer(item, visit, [...path, String(index)]),
    );
    return;
  }
  if (!isMapping(value)) {
    return;
  }
  for (const [key, child] of Object.entries(value)) {
    if (CONTAINER_LISTS.some(list => list === key) && Array.isArray(child)) {
      child.forEach((container, index) => {
        if (isMapping(container)) {
          visit(container, [...path, key, String(index)]);
        }
      });
    }
    eachContainer(child, visit, [...path, key]);
  }
}

/**
 * Puts what was built in the place of the definition's image names, in place.
 *
 * Errors: `InputError` for an image that is none of the definition's: only
 * what was built and scanned is deployed. `locate` gives the place in the
 * sources of a path in the object.
 *
 * @public
 */
export function resolveImages(
  object: KubernetesObject,
  images: Record<string, string>,
  locate: (path: string[]) => string,
): void {
  // Free text, which nothing runs.
  if (object.kind === 'ConfigMap') {
    return;
  }
  eachContainer(
    object,
    (container, path) => {
      const { image } = container;
      const place = () => locate([...path, 'image']);
      if (typeof image !== 'string') {
        throw new InputError(
          `${place()}: expected the name of an image in ${path.join(
            '.',
          )}, found ${
            image === undefined || image === null ? 'nothing' : typeof image
          }`,
        );
      }
      if (Object.hasOwn(images, image)) {
        container.image = images[image];
        return;
      }
      if (!Object.values(images).includes(image)) {
        throw unknownImage(place(), image, images);
      }
    },
    [],
  );
}

function unknownImage(
  where: string,
  image: string,
  images: Record<string, string>,
): InputError {
  return new InputError(
    `${where}: the image "${image.slice(
      0,
      200,
    )}" is none of the definition's (${
      Object.keys(images).join(', ') || 'it has none'
    }); only what this release built and scanned is deployed`,
  );
}

/**
 * Every container of a rendered object runs one of the release's images, by
 * digest.
 *
 * Errors: `InputError`.
 *
 * @public
 */
export function assertResolvedImages(
  object: KubernetesObject,
  images: Record<string, string>,
  where: string,
): void {
  if (object.kind === 'ConfigMap') {
    return;
  }
  const resolved = Object.values(images);
  eachContainer(
    object,
    ({ image }) => {
      if (typeof image !== 'string' || !resolved.includes(image)) {
        throw unknownImage(where, String(image), images);
      }
    },
    [],
  );
}
