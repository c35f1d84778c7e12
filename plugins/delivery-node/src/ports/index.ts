export * from './release';
export * from './delivery';
export * from './misc';
export * from './extensionPoints';
