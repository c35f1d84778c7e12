export { decide } from './decide';
export { decideDrift } from './drift';
export { describeDrift } from './driftFound';
export { beginRepair, isRepairWrite } from './driftRepair';
export type { DriftMode, DriftNews } from './driftState';
export { emptyRecord } from './emptyRecord';
export {
  decideGiveBack,
  GIVE_BACK_DEADLINE_MS,
  giveBackDeadlineMs,
  isStepDue,
  keepTarget,
  retryGiveBack,
  startGiveBack,
  type GiveBackStep,
} from './giveBack';
export { lower, type Program } from './lower';
export { sameRoutes } from './routes';
export type {
  DecideInput,
  DecideOutput,
  RolloutEvent,
  RolloutRequest,
} from './types';
