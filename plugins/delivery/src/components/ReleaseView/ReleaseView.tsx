import { useParams } from 'react-router-dom';
import { useApi } from '@backstage/core-plugin-api';
import {
  ServiceRef,
  deliveryServiceReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { useResource } from '../../hooks';
import { useDeliveryTranslation } from '../../translation';
import { useTabPaths } from '../DeliveryTab/TabPaths';
import { BackLine } from '../BackLine';
import { PartState } from '../PartState';
import { ReleaseBody } from './ReleaseBody';

/** One release: its stages and their logs, its digest, its findings. */
export function ReleaseView(props: { service: ServiceRef }) {
  const { service } = props;
  const { releaseId = '' } = useParams();
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const paths = useTabPaths();
  const detail = useResource(
    `release:${releaseId}`,
    () => api.getRelease(releaseId),
    {
      affectedBy: event =>
        event.subject === releaseId ||
        (event.service === service && event.kind === 'deployment'),
    },
  );
  return (
    <>
      <BackLine to={paths.overview()} />
      <PartState
        resource={detail}
        what={t('lists.release')}
        permission={deliveryServiceReadPermission.name}
        skeletonHeight={400}
      >
        {value => (
          <ReleaseBody
            key={value.release.id}
            detail={value}
            reload={detail.reload}
          />
        )}
      </PartState>
    </>
  );
}
