import { ConflictError, InputError, NotFoundError } from '@backstage/errors';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { Fence } from '@slipway/backstage-plugin-delivery-node';
import { KubeObject, refOf } from '../client';
import { ROUTES_ANNOTATION, SELECTOR_ANNOTATION } from '../names';
import { BindOptions, TrafficObjects } from './contract';
import { describeEditor, editorOf } from './editors';
import { readLive, routeId } from './live';
import {
  assertNotStale,
  isOurs,
  marks,
  readRoutes,
  readShares,
  revisionOf,
} from './marks';
import { routePart } from './parts';
import { TrafficContext } from './context';
import { mainSelector } from './selectors';
import { selectorOf } from './services';
import { applyPart } from './write';

/** See `ClusterTraffic.bind`. */
export async function bindObjects(
  context: TrafficContext,
  target: TargetRef,
  fence: Fence,
  objects: TrafficObjects,
  { takeOver = false }: BindOptions,
  signal: AbortSignal,
): Promise<void> {
  const { cluster, routers } = context;
  const { client } = cluster;
  const live = await readLive(cluster, routers, target, signal);
  const namespace = live.namespace;
  const shares = live.services.map(readShares).find(known => known);
  const [routes = []] = live.services.map(readRoutes);
  const current = {
    epoch: fence.epoch,
    // The shares of this revision have not been asked for yet.
    revision: Math.min(fence.revision, ...live.services.map(revisionOf)),
  };
  const at = (object: KubeObject) =>
    refOf({ ...object, metadata: { ...object.metadata, namespace } });

  for (const planned of objects.services) {
    const service = await client.get(at(planned), signal);
    if (!service) {
      throw new NotFoundError(
        `Service ${namespace}/${planned.metadata.name} has to be there before traffic is bound to it`,
      );
    }
    assertNotStale([service], fence);
    assertOwned(service, 'selector', takeOver);
    const base = selectorOf(planned);
    const servedBefore =
      !isOurs(service) && Object.keys(selectorOf(service)).length > 0;
    await applyPart(
      client,
      service,
      {
        spec: {
          selector:
            servedBefore && !shares
              ? selectorOf(service)
              : mainSelector(base, live, shares ?? []),
        },
        annotations: {
          ...marks(current, shares, routes),
          [SELECTOR_ANNOTATION]: JSON.stringify(base),
          [ROUTES_ANNOTATION]: JSON.stringify(objects.routes.map(routeId)),
        },
      },
      { force: takeOver || isOurs(service) },
      signal,
    );
  }

  const withNew =
    objects.routes.length > 0
      ? await readLive(cluster, routers, target, signal)
      : live;
  for (const planned of objects.routes) {
    const router = routers.find(candidate => candidate.serves(planned));
    if (!router) {
      throw new InputError(
        `No router knows how to weight ${planned.apiVersion} ${routeId(
          planned,
        )}`,
      );
    }
    const ref = at(planned);
    const route = await client.get(ref, signal);
    if (route) {
      assertNotStale([route], fence);
      assertOwned(route, 'rules', takeOver);
    }
    const inNamespace = {
      ...planned,
      metadata: { ...planned.metadata, namespace },
    };
    await applyPart(
      client,
      route ?? { ...ref, metadata: { name: ref.name, namespace } },
      routePart(inNamespace, router, withNew, current, shares ?? [], routes),
      { force: takeOver || (route !== undefined && isOurs(route)) },
      signal,
    );
  }
}

/** Errors: `ConflictError` for a field of somebody else that was never ours. */
function assertOwned(
  object: KubeObject,
  field: string,
  takeOver: boolean,
): void {
  const editor = editorOf(object, ['spec', field]);
  if (editor && !isOurs(object) && !takeOver) {
    throw new ConflictError(
      `spec.${field} of ${routeId(object)} in namespace ${
        object.metadata.namespace
      } belongs to ${describeEditor(
        editor,
      )}. Take the object over, or give it another name in the manifests`,
    );
  }
}
