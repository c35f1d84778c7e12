import { useApi } from '@backstage/core-plugin-api';
import Typography from '@material-ui/core/Typography';
import Alert from '@material-ui/lab/Alert';
import {
  DeliveryApi,
  Release,
  TargetView,
  deliveryTargetReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { useResource } from '../../hooks';
import { targetId } from '../../model';
import { useDeliveryTranslation } from '../../translation';
import { PartState } from '../PartState';

/** A rollback applies the Plan of the release's last success here. */
async function lastSuccess(
  api: DeliveryApi,
  target: TargetView,
  releaseId: string,
): Promise<string | undefined> {
  const page = await api.getDeployments({
    service: target.service,
    environment: target.environment.name,
    limit: 100,
  });
  return page.items.find(
    it => it.releaseId === releaseId && it.status === 'succeeded',
  )?.id;
}

/** Says what a rollback to the release will not bring back, before it is confirmed. */
export function NotRestorable(props: { target: TargetView; release: Release }) {
  const { target, release } = props;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const resource = useResource(
    `not-restorable:${targetId(target)}:${release.id}`,
    async () => {
      const id = await lastSuccess(api, target, release.id);
      return id ? (await api.getDeployment(id)).notRestorable : [];
    },
  );
  return (
    <PartState
      resource={resource}
      what={t('verbs.dialog.notRestorable')}
      permission={deliveryTargetReadPermission.name}
    >
      {sentences =>
        sentences.length > 0 && (
          <Alert severity="warning">
            <Typography variant="body2">
              {t('verbs.dialog.notRestorable')}
            </Typography>
            <ul>
              {sentences.map(sentence => (
                <li key={sentence}>{sentence}</li>
              ))}
            </ul>
          </Alert>
        )
      }
    </PartState>
  );
}
