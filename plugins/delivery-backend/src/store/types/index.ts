/** What the store offers, by concern. */
export * from './ground';
export * from './work';
export * from './services';
export * from './releases';
export * from './targets';
export * from './deployments';
export * from './commands';
export * from './outbox';
export * from './feed';
export * from './content';
export * from './ticks';
export * from './store';
