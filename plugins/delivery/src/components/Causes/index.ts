export { CauseList } from './CauseList';
