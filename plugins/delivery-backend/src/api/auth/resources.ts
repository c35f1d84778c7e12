import {
  RESOURCE_TYPE_DELIVERY_ENVIRONMENT,
  RESOURCE_TYPE_DELIVERY_SERVICE,
  RESOURCE_TYPE_DELIVERY_TARGET,
  ServiceRef,
  TargetRef,
  parseTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { createPermissionResourceRef } from '@backstage/plugin-permission-node';
import type { DeliveryStore } from '../../store';

/** What the rules look at for releases, findings and logs. */
export interface ServiceResource {
  service: ServiceRef;
  owner?: string;
  system?: string;
}

/** What the rules look at for deployment verbs. */
export interface TargetResource extends ServiceResource {
  environment: string;
  tier: string;
}

/** What the rules look at for what the platform owns. */
export interface EnvironmentResource {
  environment: string;
  tier: string;
}

/** Whatever a permission of ours is decided on. */
export type DeliveryResource =
  | ServiceResource
  | TargetResource
  | EnvironmentResource;

/**
 * One condition on a column that every filtered table has. A rule's `toQuery`
 * answers this, so that rules know nothing of SQL.
 */
export interface RowCondition {
  column: 'owner' | 'system' | 'environment' | 'tier';
  /** The column's value is one of these; a row without a value is not. */
  values: string[];
}

/** For modules that add rules of their own. @public */
export const deliveryServiceResourceRef = createPermissionResourceRef<
  ServiceResource,
  RowCondition
>().with({
  pluginId: 'delivery',
  resourceType: RESOURCE_TYPE_DELIVERY_SERVICE,
});

/** For modules that add rules of their own. @public */
export const deliveryTargetResourceRef = createPermissionResourceRef<
  TargetResource,
  RowCondition
>().with({
  pluginId: 'delivery',
  resourceType: RESOURCE_TYPE_DELIVERY_TARGET,
});

/** For modules that add rules of their own. @public */
export const deliveryEnvironmentResourceRef = createPermissionResourceRef<
  EnvironmentResource,
  RowCondition
>().with({
  pluginId: 'delivery',
  resourceType: RESOURCE_TYPE_DELIVERY_ENVIRONMENT,
});

/**
 * The resource of a service. Also for one that the catalog no longer has: its
 * history stays, but nobody owns it.
 */
export async function loadServiceResource(
  store: Pick<DeliveryStore, 'services'>,
  service: ServiceRef,
): Promise<ServiceResource> {
  const row = await store.services.get(service);
  return { service, owner: row?.owner, system: row?.system };
}

/** `undefined`: there is no such target. */
export async function loadTargetResource(
  store: Pick<DeliveryStore, 'targets'>,
  target: TargetRef,
): Promise<TargetResource | undefined> {
  const row = await store.targets.get(target);
  if (!row) {
    return undefined;
  }
  return {
    service: target.service,
    environment: target.environment,
    tier: row.tier,
    owner: row.owner,
    system: row.system,
  };
}

/** For the permission backend, which names targets `service@environment`. */
export async function loadTargetResources(
  store: Pick<DeliveryStore, 'targets'>,
  ids: string[],
): Promise<Array<TargetResource | undefined>> {
  return Promise.all(ids.map(id => loadTargetResource(store, parseTarget(id))));
}
