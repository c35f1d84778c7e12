/**
 * BuildKit as an image builder of Slipway.
 *
 * @packageDocumentation
 */
export { deliveryModuleBuildkit as default } from './module';
