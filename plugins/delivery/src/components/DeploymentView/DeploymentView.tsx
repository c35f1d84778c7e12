import { useParams } from 'react-router-dom';
import { useApi } from '@backstage/core-plugin-api';
import {
  DeploymentDetail,
  ServiceRef,
  TargetView,
  deliveryTargetReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { Resource, useResource } from '../../hooks';
import { applyToTargets } from '../../model';
import { useDeliveryTranslation } from '../../translation';
import { useTabPaths } from '../DeliveryTab/TabPaths';
import { RATES_EVERY_MS } from '../DeliveryTab/useOverview';
import { BackLine } from '../BackLine';
import { PartState } from '../PartState';
import { DeploymentBody } from './DeploymentBody';

/** One deployment: its steps, the evidence of each, and why it ended as it did. */
export function DeploymentView(props: { service: ServiceRef }) {
  const { service } = props;
  const { deploymentId = '' } = useParams();
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const paths = useTabPaths();
  const detail = useResource(
    `deployment:${deploymentId}`,
    () => api.getDeployment(deploymentId),
    {
      affectedBy: event =>
        event.subject === deploymentId ||
        (event.service === service && event.kind === 'target'),
    },
  );
  const environment = detail.value?.deployment.environment;
  const target = useTarget(service, environment);

  return (
    <>
      <BackLine to={paths.overview()} />
      <PartState<DeploymentDetail>
        resource={detail}
        what={t('lists.deployment')}
        permission={deliveryTargetReadPermission.name}
        skeletonHeight={400}
      >
        {value => (
          <DeploymentBody
            // Another deployment opens on its own cause.
            key={value.deployment.id}
            detail={value}
            target={target}
            reload={async () => {
              await Promise.all([detail.reload(), target.reload()]);
            }}
          />
        )}
      </PartState>
    </>
  );
}

/** The target of a deployment, once its environment is known. */
function useTarget(
  service: ServiceRef,
  environment: string | undefined,
): Resource<TargetView | undefined> {
  const api = useApi(deliveryApiRef);
  return useResource<TargetView | undefined>(
    `target:${service}@${environment ?? ''}`,
    async () => {
      if (environment === undefined) {
        return undefined;
      }
      // The list of targets leaves out what a connection must be asked for.
      const { targets } = await api.getOverview(service);
      return targets.find(it => it.environment.name === environment);
    },
    {
      affectedBy: event =>
        event.service === service &&
        (event.kind === 'target' || event.kind === 'deployment'),
      refreshEveryMs: RATES_EVERY_MS,
      apply: (value, event) => value && applyToTargets([value], event)?.[0],
    },
  );
}
