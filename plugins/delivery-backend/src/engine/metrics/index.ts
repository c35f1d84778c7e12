export { observeDepths } from './depths';
export { StageMetrics } from './stages';
export { TickMetrics } from './ticks';
export type { TickOutcome } from './ticks';
