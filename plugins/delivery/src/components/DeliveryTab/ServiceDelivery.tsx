import { useState } from 'react';
import Button from '@material-ui/core/Button';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import Alert from '@material-ui/lab/Alert';
import {
  Release,
  ServiceOverview,
  ServiceRef,
  TargetView,
  deliveryTargetReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { Resource } from '../../hooks';
import { activeDeployment, targetId } from '../../model';
import { DeliveryT, useDeliveryTranslation } from '../../translation';
import { ChainLine } from '../ChainLine';
import { DefinitionProblems } from '../DefinitionProblems';
import { LiveMarker } from '../LiveMarker';
import { LiveRegion } from '../LiveRegion';
import { Empty, PartState } from '../PartState';
import { Pipeline } from '../Pipeline';
import { ReleaseDialog } from '../ReleaseDialog';
import { ReleasesInProgress } from './ReleasesInProgress';
import { SubTabs } from './SubTabs';
import { FIRST_DEFINITION, ANNOTATION_SNIPPET } from './snippets';
import { useOverview } from './useOverview';

const useStyles = makeStyles((theme: Theme) => ({
  root: { display: 'flex', flexDirection: 'column', gap: theme.spacing(2) },
  head: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(1),
    alignItems: 'center',
    justifyContent: 'space-between',
  },
  title: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(0, 2),
    alignItems: 'baseline',
  },
}));

/** What runs where of one service, what moves, and everything behind it. */
export function ServiceDelivery(props: { service: ServiceRef }) {
  const { service } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const overview = useOverview(service);
  const [releasing, setReleasing] = useState(false);

  return (
    <div className={classes.root}>
      <div className={classes.head}>
        <div className={classes.title}>
          <Typography variant="h5" component="h2">
            {overview.value?.service.title ?? t('common.title')}
          </Typography>
          <LiveMarker />
        </div>
        <Button
          variant="contained"
          color="primary"
          disabled={!overview.value}
          onClick={() => setReleasing(true)}
        >
          {t('pipeline.releaseButton')}
        </Button>
      </div>
      <PartState
        resource={overview}
        what={t('lists.overview')}
        permission={deliveryTargetReadPermission.name}
        skeletonHeight={280}
      >
        {value => (
          <>
            <OverviewBody overview={value} resource={overview} />
            {releasing && (
              <ReleaseDialog
                service={value.service}
                onClose={() => setReleasing(false)}
              />
            )}
          </>
        )}
      </PartState>
      <SubTabs service={service} overview={overview.value} />
    </div>
  );
}

function OverviewBody(props: {
  overview: ServiceOverview;
  resource: Resource<ServiceOverview>;
}) {
  const { overview, resource } = props;
  const t = useDeliveryTranslation();
  const chained = chainedRelease(overview);
  const onPredict = (predicted: TargetView) =>
    resource.mutate(value => ({
      ...value,
      targets: value.targets.map(target =>
        targetId(target) === targetId(predicted) ? predicted : target,
      ),
    }));
  return (
    <>
      <LiveRegion states={states(t, overview)} />
      {overview.permissions.enabled === false && (
        <Alert severity="info">{t('pipeline.permissionsOff')}</Alert>
      )}
      {overview.service.definitionError && (
        <DefinitionProblems problems={[overview.service.definitionError]} />
      )}
      <ReleasesInProgress releases={overview.releases} />
      {overview.targets.length === 0 ? (
        <Empty
          title={t('pipeline.empty.title')}
          snippets={[
            { name: t('pipeline.empty.annotation'), text: ANNOTATION_SNIPPET },
            { name: t('pipeline.empty.definition'), text: FIRST_DEFINITION },
          ]}
        >
          {t('pipeline.empty.body')}
        </Empty>
      ) : (
        <Pipeline
          targets={overview.targets}
          reload={resource.reload}
          onPredict={onPredict}
        />
      )}
      {chained && (
        <ChainLine
          release={chained}
          targets={overview.targets.filter(
            target =>
              target.stable?.releaseId === chained.id ||
              activeDeployment(target)?.releaseId === chained.id,
          )}
        />
      )}
    </>
  );
}

/** The newest release that is deployed somewhere, else the newest one that was made. */
function chainedRelease(overview: ServiceOverview): Release | undefined {
  const deployed = new Set(
    overview.targets.flatMap(target => [
      target.stable?.releaseId,
      activeDeployment(target)?.releaseId,
    ]),
  );
  return (
    overview.releases.find(release => deployed.has(release.id)) ??
    overview.releases[0]
  );
}

/** What a screen reader is told when it changes. */
function states(
  t: DeliveryT,
  overview: ServiceOverview,
): Record<string, string> {
  const targets = overview.targets.map(target => {
    const active = activeDeployment(target);
    const status = active
      ? `${active.releaseVersion} ${t(`words.deployment.${active.status}`)}`
      : [
          t(`words.health.${target.health.status}`),
          target.last && t(`words.deployment.${target.last.status}`),
        ]
          .filter(Boolean)
          .join(', ');
    return [
      targetId(target),
      t('announcements.target', {
        environment: target.environment.title,
        status,
      }),
    ];
  });
  const releases = overview.releases.map(release => [
    release.id,
    t('announcements.release', {
      version: release.version,
      status: t(`words.release.${release.status}`),
    }),
  ]);
  return Object.fromEntries([...targets, ...releases]);
}
