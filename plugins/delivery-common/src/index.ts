/**
 * Types, schemas, permissions and the API client of Slipway.
 *
 * @packageDocumentation
 */
export * from './model';
export * from './api';
export * from './permissions';
export * from './client';
export * from './schema';
