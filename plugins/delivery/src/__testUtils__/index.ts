export { ENTITY, accessibilityProblems, renderForEntity } from './render';
