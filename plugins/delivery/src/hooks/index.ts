export { useResource } from './useResource';
export type { Resource } from './useResource';
export { useStreamStatus } from './useStreamStatus';
export { useNow } from './useNow';
export { useServicePath } from './useServicePath';
export { usePages } from './usePages';
export type { Pages } from './usePages';
export { useLog } from './useLog';
export type { Log, NumberedLine } from './useLog';
