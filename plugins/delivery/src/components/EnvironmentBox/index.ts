export { EnvironmentBox } from './EnvironmentBox';
export { NextUp } from './NextUp';
