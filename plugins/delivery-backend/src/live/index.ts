export { createLive } from './live';
export type { LiveOptions } from './live';
export { createChangeStream } from './changeStream';
export { createNewsRecorder } from './newsRecorder';
export { createObserver } from './observer';
export { withTimeLimit } from './timeLimit';
export type { Observer, Observation } from './observer';
export type {
  ChangeStream,
  ChangeSubscription,
  Live,
  LiveChange,
  LivePosition,
} from './types';
