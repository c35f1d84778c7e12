import { Link } from '@backstage/core-components';
import { useApi } from '@backstage/core-plugin-api';
import Typography from '@material-ui/core/Typography';
import {
  Deployment,
  ServiceRef,
  deliveryTargetReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { useResource } from '../../hooks';
import { useDeliveryTranslation } from '../../translation';
import { useTabPaths } from '../DeliveryTab/TabPaths';
import { PartState } from '../PartState';
import { AnalysisEvidence } from '../StepEvidence';

/** What the newest analysis measured, canary against baseline. */
export function MetricsPanel(props: { service: ServiceRef }) {
  const { service } = props;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const deployments = useResource(
    `measured-deployments:${service}`,
    () => api.getDeployments({ service, limit: 20 }),
    {
      affectedBy: event =>
        event.service === service && event.kind === 'deployment',
    },
  );
  return (
    <PartState
      resource={deployments}
      what={t('lists.measurements')}
      permission={deliveryTargetReadPermission.name}
      skeletonHeight={240}
    >
      {page => {
        const measured = page.items.find(it => it.rollout?.analyses.length);
        return measured ? (
          <Measured key={measured.id} deployment={measured} />
        ) : (
          <Typography variant="body2">
            {t('deployment.nothingMeasured')}
          </Typography>
        );
      }}
    </PartState>
  );
}

function Measured(props: { deployment: Deployment }) {
  const { deployment } = props;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const paths = useTabPaths();
  const measurements = useResource(
    `measurements:${deployment.id}`,
    () => api.getMeasurements(deployment.id),
    { affectedBy: event => event.subject === deployment.id },
  );
  return (
    <PartState
      resource={measurements}
      what={t('lists.measurements')}
      permission={deliveryTargetReadPermission.name}
      skeletonHeight={240}
    >
      {view => (
        <>
          <Typography variant="body1" component="div">
            <Link to={paths.deployment(deployment.id)} underline="always">
              {t('deployment.title', {
                version: deployment.releaseVersion,
                environment: deployment.environment,
              })}
            </Link>
          </Typography>
          {view.verdicts.map(verdict => (
            <AnalysisEvidence
              key={verdict.analysisId}
              verdict={verdict}
              measurements={view.measurements}
            />
          ))}
        </>
      )}
    </PartState>
  );
}
