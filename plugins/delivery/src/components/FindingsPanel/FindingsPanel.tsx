import { useApi } from '@backstage/core-plugin-api';
import Typography from '@material-ui/core/Typography';
import {
  ServiceRef,
  deliveryServiceReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { useResource } from '../../hooks';
import { useDeliveryTranslation } from '../../translation';
import { Empty, PartState } from '../PartState';
import { ReleaseFindings } from './ReleaseFindings';

/** The findings of the newest release that was scanned. */
export function FindingsPanel(props: { service: ServiceRef }) {
  const { service } = props;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const releases = useResource(
    `newest-releases:${service}`,
    () => api.getReleases({ service, limit: 20 }),
    {
      affectedBy: event =>
        event.service === service && event.kind === 'release',
    },
  );
  return (
    <PartState
      resource={releases}
      what={t('lists.findings')}
      permission={deliveryServiceReadPermission.name}
    >
      {page => {
        const release =
          page.items.find(it => it.findings !== undefined) ?? page.items[0];
        return release ? (
          <>
            <Typography variant="h6" component="h3">
              {t('release.title', { version: release.version })}
            </Typography>
            <ReleaseFindings release={release} />
          </>
        ) : (
          <Empty title={t('findings.noRelease')} />
        );
      }}
    </PartState>
  );
}
