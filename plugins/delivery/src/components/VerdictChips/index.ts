export { VerdictChips } from './VerdictChips';
