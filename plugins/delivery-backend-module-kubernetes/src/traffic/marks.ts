import { ConflictError } from '@backstage/errors';
import {
  TrafficRoute,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import {
  Fence,
  StaleEpochError,
} from '@slipway/backstage-plugin-delivery-node';
import { KubeObject } from '../client';
import {
  EPOCH_ANNOTATION,
  SHARES_ANNOTATION,
  TRAFFIC_EPOCH_ANNOTATION,
  TRAFFIC_REVISION_ANNOTATION,
  TRAFFIC_ROUTES_ANNOTATION,
} from '../names';

/* What our writes leave behind on the objects, to be read by the next ones. */

export function marks(
  fence: Fence,
  shares: TrafficShare[] | undefined,
  routes: TrafficRoute[] = [],
): Record<string, string> {
  return {
    [TRAFFIC_EPOCH_ANNOTATION]: String(fence.epoch),
    [TRAFFIC_REVISION_ANNOTATION]: String(fence.revision),
    ...(shares && { [SHARES_ANNOTATION]: writeShares(shares) }),
    ...(routes.length > 0 && {
      [TRAFFIC_ROUTES_ANNOTATION]: JSON.stringify(routes),
    }),
  };
}

/** The shares that were last written to an object; `undefined`: never any. */
export function readShares(object: KubeObject): TrafficShare[] | undefined {
  const shares = readJson(object, SHARES_ANNOTATION) as
    | Record<string, number>
    | undefined;
  return (
    shares &&
    Object.entries(shares).map(([generation, percent]) => ({
      generation,
      percent,
    }))
  );
}

/** What was last written to an object beside the shares. */
export function readRoutes(object: KubeObject): TrafficRoute[] {
  return (readJson(object, TRAFFIC_ROUTES_ANNOTATION) ?? []) as TrafficRoute[];
}

/**
 * What we once wrote as JSON into an annotation.
 *
 * Errors: `ConflictError` when somebody made it something else.
 */
export function readJson(
  { kind, metadata }: KubeObject,
  annotation: string,
): unknown {
  const text = metadata.annotations?.[annotation];
  if (text === undefined) {
    return undefined;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConflictError(
      `The annotation ${annotation} of ${kind} ${metadata.namespace}/${
        metadata.name
      } was changed by hand and is no JSON: found ${text.slice(
        0,
        100,
      )}. Remove the annotation; it is written again`,
      error,
    );
  }
}

function writeShares(shares: TrafficShare[]): string {
  return JSON.stringify(
    Object.fromEntries(
      shares.map(({ generation, percent }) => [generation, percent]),
    ),
  );
}

/** The revision of our last write; 0 when there was none. */
export function revisionOf({ metadata }: KubeObject): number {
  return Number(metadata.annotations?.[TRAFFIC_REVISION_ANNOTATION] ?? 0);
}

/** Whether traffic has written to the object before. */
export function isOurs({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[TRAFFIC_EPOCH_ANNOTATION] !== undefined;
}

/** Errors: `StaleEpochError` when any of the objects has a newer epoch. */
export function assertNotStale(objects: KubeObject[], { epoch }: Fence): void {
  const newest = Math.max(
    0,
    ...objects.flatMap(({ metadata: { annotations = {} } }) =>
      [EPOCH_ANNOTATION, TRAFFIC_EPOCH_ANNOTATION].map(name =>
        Number(annotations[name] ?? 0),
      ),
    ),
  );
  if (newest > epoch) {
    throw new StaleEpochError(epoch, newest);
  }
}
