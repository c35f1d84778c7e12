import { useParams } from 'react-router-dom';
import {
  ServiceOverview,
  ServiceRef,
} from '@slipway/backstage-plugin-delivery-common';
import { useDeliveryTranslation } from '../../translation';
import { DeploymentList } from '../DeploymentList';
import { FindingsPanel } from '../FindingsPanel';
import { InstancesPanel } from '../InstancesPanel';
import { LinkTabs } from '../LinkTabs';
import { MetricsPanel } from '../MetricsPanel';
import { ReleaseList } from '../ReleaseList';
import { SettingsPanel } from '../SettingsPanel';
import { useTabPaths } from './TabPaths';

const TABS = [
  'deployments',
  'releases',
  'instances',
  'findings',
  'metrics',
  'settings',
] as const;
type TabName = (typeof TABS)[number];

/** Everything behind the boxes; only the chosen part is fetched. */
export function SubTabs(props: {
  service: ServiceRef;
  overview?: ServiceOverview;
}) {
  const t = useDeliveryTranslation();
  const paths = useTabPaths();
  const { tab } = useParams();
  const chosen: TabName = TABS.find(name => name === tab) ?? 'deployments';
  return (
    <LinkTabs
      id="delivery"
      label={t('pipeline.tabs.label')}
      tabs={TABS.map(name => ({
        name,
        label: t(`pipeline.tabs.${name}`),
        to: paths.tab(name),
      }))}
      chosen={chosen}
    >
      <Panel {...props} chosen={chosen} />
    </LinkTabs>
  );
}

function Panel(props: {
  chosen: TabName;
  service: ServiceRef;
  overview?: ServiceOverview;
}) {
  const { chosen, service, overview } = props;
  switch (chosen) {
    case 'releases':
      return <ReleaseList service={service} />;
    case 'instances':
      return <InstancesPanel targets={overview?.targets ?? []} />;
    case 'findings':
      return <FindingsPanel service={service} />;
    case 'metrics':
      return <MetricsPanel service={service} />;
    case 'settings':
      return (
        <SettingsPanel service={service} targets={overview?.targets ?? []} />
      );
    default:
      return <DeploymentList service={service} />;
  }
}
