export { createPlanDiff } from './planDiff';
export { compareFields } from './compareFields';
