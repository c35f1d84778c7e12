import { BackstageCredentials } from '@backstage/backend-plugin-api';
import { NotAllowedError } from '@backstage/errors';
import { Permission } from '@backstage/plugin-permission-common';
import { Request } from 'express';
import { Actor, ServiceRef } from '@slipway/backstage-plugin-delivery-common';
import type { RowFilter } from '../../store';
import { DeliveryResource } from './resources';
import { denyAll } from './rowFilter';

/** Who asks. Made from the request's credentials, never from its body. */
export interface Caller {
  credentials: BackstageCredentials;
  actor: Actor;
  /** For the auditor, which notes where a request came from. */
  request?: Request;
}

export type Decision =
  | { allowed: true }
  /** The reason names the permission or the setting that is missing. */
  | { allowed: false; reason: string };

/**
 * What a caller may do, decided once for a request. The same for people (the
 * permission policy) and machines (`delivery.machines`), so that whoever uses
 * it cannot forget one of them.
 */
export interface Grants {
  decide(permission: Permission, resource: DeliveryResource): Decision;
  /** For lists; `undefined`: every row. */
  filter(permission: Permission): RowFilter | undefined;
  /** Those of the services that the caller may see in the catalog. */
  visible(services: ServiceRef[]): Promise<Set<ServiceRef>>;
}

/** Before anything was decided: nothing is allowed. */
export const NO_GRANTS: Grants = {
  decide: () => ({ allowed: false, reason: 'Nothing was authorised' }),
  filter: () => denyAll,
  visible: async () => new Set(),
};

/** Throws `NotAllowedError` with the reason. */
export function requireAllowed(
  grants: Grants,
  permission: Permission,
  resource: DeliveryResource,
) {
  const decision = grants.decide(permission, resource);
  if (!decision.allowed) {
    throw new NotAllowedError(decision.reason);
  }
}

/** How messages name what a permission is asked for. */
export function describeResource(resource: DeliveryResource): string {
  if (!('service' in resource)) {
    return `the environment ${resource.environment}`;
  }
  return 'environment' in resource
    ? `${resource.service} in ${resource.environment}`
    : resource.service;
}
