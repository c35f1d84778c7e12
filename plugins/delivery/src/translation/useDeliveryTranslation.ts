import { useTranslationRef } from '@backstage/core-plugin-api/alpha';
import { DeliveryT, deliveryTranslationRef } from './deliveryTranslationRef';

/** The plugin's sentences in the reader's language. */
export function useDeliveryTranslation(): DeliveryT {
  return useTranslationRef(deliveryTranslationRef).t;
}
