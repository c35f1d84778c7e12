export * from './types';
export { createStore, createTestStore } from './createStore';
export type { CreateStoreOptions, TestStoreOptions } from './createStore';
