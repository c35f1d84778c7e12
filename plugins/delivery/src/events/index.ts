export { BrowserStream } from './BrowserStream';
export { createDeliveryEvents } from './createDeliveryEvents';
export type { DeliveryEvents, StreamStatus } from './types';
