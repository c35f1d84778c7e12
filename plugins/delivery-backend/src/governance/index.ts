export * from './findings';
export * from './gates';
export * from './hold';
export * from './queue';
