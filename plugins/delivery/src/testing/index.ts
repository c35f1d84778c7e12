export * from './fixtures';
export { FakeDeliveryApi } from './FakeDeliveryApi';
export { ENTITY, accessibilityProblems, renderForEntity } from './render';
