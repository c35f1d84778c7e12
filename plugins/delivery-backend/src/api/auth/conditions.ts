import { createConditionExports } from '@backstage/plugin-permission-node';
import {
  deliveryEnvironmentResourceRef,
  deliveryServiceResourceRef,
  deliveryTargetResourceRef,
} from './resources';
import { environmentRules, serviceRules, targetRules } from './rules';

const service = createConditionExports({
  resourceRef: deliveryServiceResourceRef,
  rules: serviceRules,
});
const target = createConditionExports({
  resourceRef: deliveryTargetResourceRef,
  rules: targetRules,
});
const environment = createConditionExports({
  resourceRef: deliveryEnvironmentResourceRef,
  rules: environmentRules,
});

/** For permission policies: conditions on releases, findings and logs. @public */
export const deliveryServiceConditions = service.conditions;
/** @public */
export const createDeliveryServiceConditionalDecision =
  service.createConditionalDecision;

/** For permission policies: conditions on deployment verbs. @public */
export const deliveryTargetConditions = target.conditions;
/** @public */
export const createDeliveryTargetConditionalDecision =
  target.createConditionalDecision;

/** For permission policies: conditions on what the platform owns. @public */
export const deliveryEnvironmentConditions = environment.conditions;
/** @public */
export const createDeliveryEnvironmentConditionalDecision =
  environment.createConditionalDecision;
