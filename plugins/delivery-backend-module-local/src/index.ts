/**
 * The embedded default of Slipway: registry, builder, scanner and runtime on
 * one machine.
 *
 * @packageDocumentation
 */
export { deliveryModuleLocal as default } from './module';
