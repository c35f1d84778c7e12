export { ReasonFacts } from './ReasonFacts';
