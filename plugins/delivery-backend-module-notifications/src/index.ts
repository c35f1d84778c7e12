/**
 * Tells the owners of a service about its deployments, through Backstage's
 * notifications.
 *
 * @packageDocumentation
 */
export { deliveryModuleNotifications as default } from './module';
