export { PartState } from './PartState';
export { Empty } from './Empty';
