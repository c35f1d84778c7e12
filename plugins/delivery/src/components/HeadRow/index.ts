export { HeadRow } from './HeadRow';
