export * from './views';
export * from './DeliveryApi';
