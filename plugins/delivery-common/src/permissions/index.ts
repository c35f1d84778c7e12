import { createPermission } from '@backstage/plugin-permission-common';

/** Deployment verbs: decided for a service in an environment. @public */
export const RESOURCE_TYPE_DELIVERY_TARGET = 'delivery-target';

/** Releases, findings and logs: decided for a service. @public */
export const RESOURCE_TYPE_DELIVERY_SERVICE = 'delivery-service';

/** What the platform owns: decided for an environment alone. @public */
export const RESOURCE_TYPE_DELIVERY_ENVIRONMENT = 'delivery-environment';

/** @public */
export const deliveryServiceReadPermission = createPermission({
  name: 'delivery.service.read',
  attributes: { action: 'read' },
  resourceType: RESOURCE_TYPE_DELIVERY_SERVICE,
});

/** @public */
export const deliveryLogsReadPermission = createPermission({
  name: 'delivery.logs.read',
  attributes: { action: 'read' },
  resourceType: RESOURCE_TYPE_DELIVERY_SERVICE,
});

/** @public */
export const deliveryReleaseCreatePermission = createPermission({
  name: 'delivery.release.create',
  attributes: { action: 'create' },
  resourceType: RESOURCE_TYPE_DELIVERY_SERVICE,
});

/** Cancel or retry a release. @public */
export const deliveryReleaseUpdatePermission = createPermission({
  name: 'delivery.release.update',
  attributes: { action: 'update' },
  resourceType: RESOURCE_TYPE_DELIVERY_SERVICE,
});

function targetPermission(
  verb: string,
  action: 'create' | 'read' | 'update' | 'delete',
) {
  return createPermission({
    name: `delivery.target.${verb}`,
    attributes: { action },
    resourceType: RESOURCE_TYPE_DELIVERY_TARGET,
  });
}

/** @public */
export const deliveryTargetReadPermission = targetPermission('read', 'read');
/** @public */
export const deliveryDeployPermission = targetPermission('deploy', 'create');
/** Promote a step, promote fully, skip a step. @public */
export const deliveryPromotePermission = targetPermission('promote', 'update');
/** Pause and resume. @public */
export const deliveryPausePermission = targetPermission('pause', 'update');
/** Abort and cancel. @public */
export const deliveryAbortPermission = targetPermission('abort', 'update');
/** @public */
export const deliveryRetryPermission = targetPermission('retry', 'update');
/** @public */
export const deliveryRollbackPermission = targetPermission(
  'rollback',
  'create',
);
/** Set and release a hold. @public */
export const deliveryHoldPermission = targetPermission('hold', 'update');
/** Restart, scale, delete an instance, and other operations. @public */
export const deliveryOperatePermission = targetPermission('operate', 'update');
/** Go on although the world has a newer epoch than the database. @public */
export const deliveryTakeOverPermission = targetPermission(
  'take-over',
  'update',
);

/** Give an environment back: what is stable goes on serving without us. @public */
export const deliveryGiveBackPermission = targetPermission(
  'give-back',
  'delete',
);

/** @public */
export const deliveryServicePermissions = [
  deliveryServiceReadPermission,
  deliveryLogsReadPermission,
  deliveryReleaseCreatePermission,
  deliveryReleaseUpdatePermission,
];

/** @public */
export const deliveryTargetPermissions = [
  deliveryTargetReadPermission,
  deliveryDeployPermission,
  deliveryPromotePermission,
  deliveryPausePermission,
  deliveryAbortPermission,
  deliveryRetryPermission,
  deliveryRollbackPermission,
  deliveryHoldPermission,
  deliveryOperatePermission,
  deliveryTakeOverPermission,
  deliveryGiveBackPermission,
];

/**
 * Ask an environment's connection what it lacks. It changes nothing, but tells
 * what the platform's account may do, and in which namespaces: so it is no
 * `read`, which policies give to everybody.
 *
 * @public
 */
export const deliveryEnvironmentCheckPermission = createPermission({
  name: 'delivery.environment.check',
  attributes: {},
  resourceType: RESOURCE_TYPE_DELIVERY_ENVIRONMENT,
});

/** @public */
export const deliveryEnvironmentPermissions = [
  deliveryEnvironmentCheckPermission,
];
