import {
  BackstageCredentials,
  PermissionsRegistryService,
  PermissionsService,
} from '@backstage/backend-plugin-api';
import { catalogEntityReadPermission } from '@backstage/plugin-catalog-common/alpha';
import { CatalogService } from '@backstage/plugin-catalog-node';
import { stringifyEntityRef } from '@backstage/catalog-model';
import {
  AuthorizeResult,
  Permission,
  PolicyDecision,
  ResourcePermission,
  isResourcePermission,
} from '@backstage/plugin-permission-common';
import {
  createConditionAuthorizer,
  createConditionTransformer,
} from '@backstage/plugin-permission-node';
import {
  RESOURCE_TYPE_DELIVERY_TARGET,
  ServiceRef,
} from '@slipway/backstage-plugin-delivery-common';
import { Caller, Decision, Grants, describeResource } from './grants';
import {
  MachineGrant,
  machineAllows,
  machineFilter,
  machineGrants,
  machineVerb,
} from './machines';
import {
  DeliveryResource,
  deliveryEnvironmentResourceRef,
  deliveryServiceResourceRef,
  deliveryTargetResourceRef,
} from './resources';
import { denyAll, toRowFilter } from './rowFilter';

/*
 * One question to the permission backend for each request, whatever number of
 * rows and verbs are looked at: the conditional decisions are fetched in one
 * batch and applied here, in memory for single resources and in SQL for lists.
 */

export interface Authorizer {
  grants(caller: Caller, permissions: Permission[]): Promise<Grants>;
}

export interface AuthorizerOptions {
  permissions: PermissionsService;
  permissionsRegistry: Pick<PermissionsRegistryService, 'getPermissionRuleset'>;
  catalog: Pick<CatalogService, 'getEntitiesByRefs'>;
  machines: MachineGrant[];
  /** Backstage's `permission.enabled`. */
  permissionsEnabled: boolean;
  /** `delivery.permissions.allowDisabled` */
  allowDisabled: boolean;
}

export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  return {
    async grants(caller, permissions) {
      if (caller.actor.type === 'machine') {
        return machineSubjectGrants(options, caller, permissions);
      }
      return personGrants(options, caller, permissions);
    },
  };
}

async function personGrants(
  options: AuthorizerOptions,
  caller: Caller,
  permissions: Permission[],
): Promise<Grants> {
  const { permissionsRegistry } = options;
  const asked = permissions.filter(isAnyResourcePermission);
  const answers = await options.permissions.authorizeConditional(
    [...asked, catalogEntityReadPermission].map(permission => ({ permission })),
    { credentials: caller.credentials },
  );
  const decisions = new Map<string, PolicyDecision>();
  asked.forEach((permission, index) => {
    decisions.set(permission.name, answers[index]);
  });
  const catalogDecision = answers[answers.length - 1];

  const serviceRules = permissionsRegistry.getPermissionRuleset(
    deliveryServiceResourceRef,
  );
  const targetRules = permissionsRegistry.getPermissionRuleset(
    deliveryTargetResourceRef,
  );
  const serviceApplies = createConditionAuthorizer(serviceRules);
  const targetApplies = createConditionAuthorizer(targetRules);
  const environmentApplies = createConditionAuthorizer(
    permissionsRegistry.getPermissionRuleset(deliveryEnvironmentResourceRef),
  );
  const serviceConditions = createConditionTransformer(serviceRules);
  const targetConditions = createConditionTransformer(targetRules);

  function applies(decision: PolicyDecision, resource: DeliveryResource) {
    if (!('service' in resource)) {
      return environmentApplies(decision, resource);
    }
    return 'environment' in resource
      ? targetApplies(decision, resource)
      : serviceApplies(decision, resource);
  }

  function decisionFor(permission: Permission): PolicyDecision {
    return decisions.get(permission.name) ?? { result: AuthorizeResult.DENY };
  }

  return {
    decide(permission, resource): Decision {
      const refused = refusedWhileDisabled(options, permission);
      if (refused) {
        return { allowed: false, reason: refused };
      }
      return applies(decisionFor(permission), resource)
        ? { allowed: true }
        : {
            allowed: false,
            reason: `${caller.actor.ref} does not have the permission ${
              permission.name
            } on ${describeResource(resource)}`,
          };
    },
    filter(permission) {
      const decision = decisionFor(permission);
      if (decision.result === AuthorizeResult.ALLOW) {
        return undefined;
      }
      if (!('conditions' in decision)) {
        return denyAll;
      }
      return toRowFilter(
        decision.resourceType === RESOURCE_TYPE_DELIVERY_TARGET
          ? targetConditions(decision.conditions)
          : serviceConditions(decision.conditions),
      );
    },
    async visible(services) {
      if (catalogDecision.result === AuthorizeResult.ALLOW) {
        return new Set(services);
      }
      if (catalogDecision.result === AuthorizeResult.DENY) {
        return new Set();
      }
      // The catalog's rules speak of whole entities, which only the catalog
      // has: it is asked for this page's entities as the caller.
      return seenInCatalog(options.catalog, services, caller.credentials);
    },
  };
}

async function machineSubjectGrants(
  options: AuthorizerOptions,
  caller: Caller,
  permissions: Permission[],
): Promise<Grants> {
  const subject = caller.actor.ref;
  const grants = machineGrants(options.machines, subject);
  // Decides by the token's own access restrictions (config `externalAccess`).
  const answers = await options.permissions.authorizeConditional(
    permissions
      .filter(isAnyResourcePermission)
      .map(permission => ({ permission })),
    { credentials: caller.credentials },
  );
  const restricted = new Set(
    permissions
      .filter(isAnyResourcePermission)
      .filter((_, index) => answers[index].result !== AuthorizeResult.ALLOW)
      .map(permission => permission.name),
  );
  return {
    decide(permission, resource) {
      if (restricted.has(permission.name)) {
        return {
          allowed: false,
          reason: `The access restrictions of the token of ${subject} do not include ${permission.name}`,
        };
      }
      return machineAllows(grants, permission, resource)
        ? { allowed: true }
        : {
            allowed: false,
            reason: `delivery.machines does not allow ${subject} the verb "${machineVerb(
              permission,
            )}" on ${describeResource(resource)}`,
          };
    },
    filter(permission) {
      return restricted.has(permission.name)
        ? denyAll
        : machineFilter(
            grants,
            permission,
            isTargetPermission(permission) ? 'target' : 'service',
          );
    },
    // delivery.machines names each machine's services; the catalog asks no
    // policy for machines either.
    visible: async services => new Set(services),
  };
}

function refusedWhileDisabled(
  options: AuthorizerOptions,
  permission: Permission,
): string | undefined {
  if (
    options.permissionsEnabled ||
    options.allowDisabled ||
    permission.attributes.action === 'read'
  ) {
    return undefined;
  }
  return (
    'Backstage permissions are off (permission.enabled), so everybody could do this. ' +
    'Turn them on, or set delivery.permissions.allowDisabled to true to accept that'
  );
}

async function seenInCatalog(
  catalog: Pick<CatalogService, 'getEntitiesByRefs'>,
  services: ServiceRef[],
  credentials: BackstageCredentials,
): Promise<Set<ServiceRef>> {
  if (services.length === 0) {
    return new Set();
  }
  const { items } = await catalog.getEntitiesByRefs(
    {
      entityRefs: services,
      fields: ['kind', 'metadata.namespace', 'metadata.name'],
    },
    { credentials },
  );
  const seen = new Set<ServiceRef>();
  for (const entity of items) {
    if (entity) {
      seen.add(stringifyEntityRef(entity));
    }
  }
  return seen;
}

function isAnyResourcePermission(
  permission: Permission,
): permission is ResourcePermission {
  return isResourcePermission(permission);
}

function isTargetPermission(permission: Permission): boolean {
  return isResourcePermission(permission, RESOURCE_TYPE_DELIVERY_TARGET);
}
