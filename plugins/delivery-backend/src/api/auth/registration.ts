import { PermissionsRegistryService } from '@backstage/backend-plugin-api';
import {
  deliveryEnvironmentPermissions,
  deliveryServicePermissions,
  deliveryTargetPermissions,
} from '@slipway/backstage-plugin-delivery-common';
import type { DeliveryStore } from '../../store';
import {
  EnvironmentResource,
  deliveryEnvironmentResourceRef,
  deliveryServiceResourceRef,
  deliveryTargetResourceRef,
  loadServiceResource,
  loadTargetResources,
} from './resources';
import { environmentRules, serviceRules, targetRules } from './rules';

/** Tells the permission backend of our permissions, resource types and rules. */
export function registerPermissions(
  registry: Pick<PermissionsRegistryService, 'addResourceType'>,
  store: Pick<DeliveryStore, 'services' | 'targets'>,
  environments: Array<{ name: string; tier: string }>,
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
  registry.addResourceType({
    resourceRef: deliveryEnvironmentResourceRef,
    permissions: deliveryEnvironmentPermissions,
    rules: Object.values(environmentRules),
    getResources: async refs =>
      refs.map(ref => environmentResource(environments, ref)),
  });
}

function environmentResource(
  environments: Array<{ name: string; tier: string }>,
  name: string,
): EnvironmentResource | undefined {
  const found = environments.find(environment => environment.name === name);
  return found && { environment: found.name, tier: found.tier };
}
