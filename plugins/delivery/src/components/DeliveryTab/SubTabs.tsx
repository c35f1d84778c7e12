import { Link as RouterLink, useParams } from 'react-router-dom';
import Tab from '@material-ui/core/Tab';
import Tabs from '@material-ui/core/Tabs';
import { Theme, makeStyles } from '@material-ui/core/styles';
import {
  ServiceOverview,
  ServiceRef,
} from '@slipway/backstage-plugin-delivery-common';
import { useDeliveryTranslation } from '../../translation';
import { DeploymentList } from '../DeploymentList';
import { FindingsPanel } from '../FindingsPanel';
import { InstancesPanel } from '../InstancesPanel';
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

const useStyles = makeStyles((theme: Theme) => ({
  panel: { paddingTop: theme.spacing(2) },
}));

/** Everything behind the boxes; only the chosen part is fetched. */
export function SubTabs(props: {
  service: ServiceRef;
  overview?: ServiceOverview;
}) {
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const paths = useTabPaths();
  const { tab } = useParams();
  const chosen: TabName = TABS.find(name => name === tab) ?? 'deployments';
  return (
    <div>
      <Tabs
        value={chosen}
        variant="scrollable"
        scrollButtons="auto"
        indicatorColor="primary"
        aria-label={t('pipeline.tabs.label')}
      >
        {TABS.map(name => (
          <Tab
            key={name}
            value={name}
            id={`delivery-tab-${name}`}
            aria-controls={
              name === chosen ? `delivery-panel-${name}` : undefined
            }
            label={t(`pipeline.tabs.${name}`)}
            component={RouterLink}
            to={paths.tab(name)}
          />
        ))}
      </Tabs>
      <div
        role="tabpanel"
        id={`delivery-panel-${chosen}`}
        aria-labelledby={`delivery-tab-${chosen}`}
        className={classes.panel}
      >
        <Panel {...props} chosen={chosen} />
      </div>
    </div>
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
