import { Content, Header, Page } from '@backstage/core-components';
import { useDeliveryTranslation } from '../../translation';
import { DeliveryPageContent } from './DeliveryPageContent';

/** The Delivery page with its header, for the legacy frontend system. */
export function DeliveryPage() {
  const t = useDeliveryTranslation();
  return (
    <Page themeId="tool">
      <Header title={t('page.title')} subtitle={t('page.subtitle')} />
      <Content>
        <DeliveryPageContent />
      </Content>
    </Page>
  );
}
