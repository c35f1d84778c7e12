import { Content } from '@backstage/core-components';
import { DeliveryPageContent } from './DeliveryPageContent';

/** The Delivery page for the new frontend system, which brings the header itself. */
export function AlphaDeliveryPage() {
  return (
    <Content>
      <DeliveryPageContent />
    </Content>
  );
}
