export { DeliveryClient } from './DeliveryClient';
export type { DeliveryClientOptions } from './DeliveryClient';
export type { EventStreamOptions } from './eventStream';
export type { DeliveryClientDiscovery, DeliveryClientFetch } from './request';
