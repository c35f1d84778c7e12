export { AskedChecks } from './AskedChecks';
