export { decide } from './decide';
export { emptyRecord } from './emptyRecord';
export { lower, type Program } from './lower';
export { sameRoutes } from './routes';
export type {
  DecideInput,
  DecideOutput,
  RolloutEvent,
  RolloutRequest,
} from './types';
