export { deliveryTranslationRef } from './deliveryTranslationRef';
export type { DeliveryT } from './deliveryTranslationRef';
export { useDeliveryTranslation } from './useDeliveryTranslation';
