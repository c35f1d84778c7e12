export { DeliveryPage } from './DeliveryPage';
export { DeliveryPageContent } from './DeliveryPageContent';
