export * from './fixtures';
export { FakeDeliveryApi } from './FakeDeliveryApi';
