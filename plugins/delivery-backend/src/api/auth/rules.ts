import { createPermissionRule } from '@backstage/plugin-permission-node';
import { z } from 'zod';
import {
  EnvironmentResource,
  RowCondition,
  ServiceResource,
  TargetResource,
  deliveryEnvironmentResourceRef,
  deliveryServiceResourceRef,
  deliveryTargetResourceRef,
} from './resources';

/*
 * A rule says the same thing twice: `apply` for one resource in memory,
 * `toQuery` for a list in SQL. Both are made from one column and one list of
 * values here, and a test holds them against each other on a real table.
 */

const claims = z.object({
  claims: z
    .array(z.string())
    .describe(
      'Entity refs of which one must own the service; usually the ownership claims of the user',
    ),
});
const systems = z.object({
  systems: z.array(z.string()).describe('Entity refs of systems'),
});
const environments = z.object({
  environments: z.array(z.string()).describe('Names of environments'),
});
const tiers = z.object({
  tiers: z
    .array(z.string())
    .describe('Tiers of environments, such as staging or production'),
});

function includes(values: string[], value: string | undefined): boolean {
  return value !== undefined && values.includes(value);
}

function column(name: RowCondition['column'], values: string[]): RowCondition {
  return { column: name, values };
}

const isOwner = {
  name: 'IS_OWNER',
  description: 'Allow for services owned by one of the claims',
  paramsSchema: claims,
  apply: (resource: ServiceResource, params: { claims: string[] }) =>
    includes(params.claims, resource.owner),
  toQuery: (params: { claims: string[] }) => column('owner', params.claims),
};

const inSystem = {
  name: 'IN_SYSTEM',
  description: 'Allow for services that are part of one of the systems',
  paramsSchema: systems,
  apply: (resource: ServiceResource, params: { systems: string[] }) =>
    includes(params.systems, resource.system),
  toQuery: (params: { systems: string[] }) => column('system', params.systems),
};

const inEnvironment = {
  name: 'IN_ENVIRONMENT',
  description: 'Allow in the named environments',
  paramsSchema: environments,
  apply: (
    resource: TargetResource | EnvironmentResource,
    params: { environments: string[] },
  ) => includes(params.environments, resource.environment),
  toQuery: (params: { environments: string[] }) =>
    column('environment', params.environments),
};

const hasTier = {
  name: 'HAS_TIER',
  description: 'Allow in environments of one of the tiers',
  paramsSchema: tiers,
  apply: (
    resource: TargetResource | EnvironmentResource,
    params: { tiers: string[] },
  ) => includes(params.tiers, resource.tier),
  toQuery: (params: { tiers: string[] }) => column('tier', params.tiers),
};

/** @public */
export const serviceRules = {
  isOwner: createPermissionRule({
    ...isOwner,
    resourceRef: deliveryServiceResourceRef,
  }),
  inSystem: createPermissionRule({
    ...inSystem,
    resourceRef: deliveryServiceResourceRef,
  }),
};

/** @public */
export const targetRules = {
  isOwner: createPermissionRule({
    ...isOwner,
    resourceRef: deliveryTargetResourceRef,
  }),
  inSystem: createPermissionRule({
    ...inSystem,
    resourceRef: deliveryTargetResourceRef,
  }),
  inEnvironment: createPermissionRule({
    ...inEnvironment,
    resourceRef: deliveryTargetResourceRef,
  }),
  hasTier: createPermissionRule({
    ...hasTier,
    resourceRef: deliveryTargetResourceRef,
  }),
};

/** @public */
export const environmentRules = {
  inEnvironment: createPermissionRule({
    ...inEnvironment,
    resourceRef: deliveryEnvironmentResourceRef,
  }),
  hasTier: createPermissionRule({
    ...hasTier,
    resourceRef: deliveryEnvironmentResourceRef,
  }),
};
