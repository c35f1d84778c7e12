export { deliveryApiRef, deliveryEventsApiRef } from './deliveryApiRef';
