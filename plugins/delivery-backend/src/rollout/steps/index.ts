import { StepModel } from '@slipway/backstage-plugin-delivery-common';
import { analysis } from './analysis';
import { delegate } from './delegate';
import { hook } from './hook';
import { mirror } from './mirror';
import { pause } from './pause';
import { promote } from './promote';
import { roll } from './roll';
import { route } from './route';
import { scale } from './scale';
import { StepRunner } from './step';
import { weight } from './weight';

export { retryHook } from './hook';
export type { StepContext, StepRunner } from './step';

/** One interpreter, ten primitives. */
export const STEP_RUNNERS: {
  [T in StepModel['type']]: StepRunner<T>;
} = {
  scale,
  weight,
  route,
  mirror,
  pause,
  analysis,
  roll,
  delegate,
  hook,
  promote,
};
