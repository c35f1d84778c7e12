import { PermissionsRegistryService } from '@backstage/backend-plugin-api';
import {
  deliveryServicePermissions,
  deliveryTargetPermissions,
} from '@slipway/backstage-plugin-delivery-common';
import type { DeliveryStore } from '../../store';
import {
  deliveryServiceResourceRef,
  deliveryTargetResourceRef,
  loadServiceResource,
  loadTargetResources,
} from './resources';
import { serviceRules, targetRules } from './rules';

/** Tells the permission backend of our permissions, resource types and rules. */
export function registerPermissions(
  registry: Pick<PermissionsRegistryService, 'addResourceType'>,
  store: Pick<DeliveryStore, 'services' | 'targets'>,
) {
  registry.addResourceType({
    resourceRef: deliveryServiceResourceRef,
    permissions: deliveryServicePermissions,
    rules: Object.values(serviceRules),
    getResources: refs =>
      Promise.all(refs.map(ref => loadServiceResource(store, ref))),
  });
  registry.addResourceType({
    resourceRef: deliveryTargetResourceRef,
    permissions: deliveryTargetPermissions,
    rules: Object.values(targetRules),
    getResources: refs => loadTargetResources(store, refs),
  });
}
