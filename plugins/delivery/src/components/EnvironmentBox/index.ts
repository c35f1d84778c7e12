export { EnvironmentBox } from './EnvironmentBox';
export { nextLine } from './ActiveLine';
