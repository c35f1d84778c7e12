import { useState } from 'react';
import { Link } from '@backstage/core-components';
import { useApi } from '@backstage/core-plugin-api';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import {
  DeploymentDetail,
  TargetView,
  deliveryTargetReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { Resource, useNow, useResource } from '../../hooks';
import { activeDeployment, causesOf, sharesOverTime } from '../../model';
import { deploymentTone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { predict, useTargetVerbs } from '../../verbs';
import { useTabPaths } from '../DeliveryTab/TabPaths';
import { CauseList } from '../Causes';
import { EventList } from '../EventList';
import { NextUp } from '../EnvironmentBox';
import { LiveRegion } from '../LiveRegion';
import { PartState } from '../PartState';
import { StepEvidence } from '../StepEvidence';
import { StepTimeline } from '../StepTimeline';
import { ToneWord } from '../Tone';
import { SharesOverTime, TrafficBars } from '../TrafficBars';
import { VerbBar } from '../VerbBar';
import { AuditLine } from './AuditLine';
import { Gates } from './Gates';
import { NewInCanary } from './NewInCanary';
import { OutcomeSentence } from './OutcomeSentence';
import { outcomeReason } from './outcomeReason';
import { openingStep } from './chooseStep';

const useStyles = makeStyles((theme: Theme) => ({
  root: { display: 'flex', flexDirection: 'column', gap: theme.spacing(2) },
  columns: {
    display: 'grid',
    gap: theme.spacing(3),
    gridTemplateColumns: 'minmax(14rem, 1fr) minmax(0, 3fr)',
    [theme.breakpoints.down('sm')]: { gridTemplateColumns: 'minmax(0, 1fr)' },
  },
  evidence: { minWidth: 0, overflowWrap: 'anywhere' },
}));

export function DeploymentBody(props: {
  detail: DeploymentDetail;
  target: Resource<TargetView | undefined>;
  reload: () => Promise<void>;
}) {
  const { detail, target, reload } = props;
  const { deployment } = detail;
  const { rollout } = deployment;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const paths = useTabPaths();
  // Undefined: follow the deployment; a choice of the reader stays.
  const [chosen, setChosen] = useState<number>();
  const shown = chosen ?? openingStep(deployment);
  const step = rollout?.steps[shown];
  const measurements = useResource(
    `measurements:${deployment.id}`,
    () => api.getMeasurements(deployment.id),
    { affectedBy: event => event.subject === deployment.id },
  );
  const title = t('deployment.kindTitle', {
    kind: t(`words.kind.${deployment.kind}`),
    version: deployment.releaseVersion,
    environment: deployment.environment,
  });
  const status = t(`words.deployment.${deployment.status}`);

  return (
    <div className={classes.root}>
      <LiveRegion states={{ [deployment.id]: `${title}: ${status}` }} />
      <div>
        <Typography variant="h5" component="h2">
          {title}
        </Typography>
        <Typography variant="body1" component="div">
          <ToneWord tone={deploymentTone(deployment)}>{status}</ToneWord> ·{' '}
          <Link to={paths.release(deployment.releaseId)} underline="always">
            {t('release.title', { version: deployment.releaseVersion })}
          </Link>
        </Typography>
        <NextUp deployment={deployment} />
      </div>
      <OutcomeSentence deployment={deployment} target={target.value} />
      {target.value && isCurrent(target.value, deployment.id) && (
        <CauseList causes={causesOf(target.value)} />
      )}
      <NewInCanary detail={detail} />
      <TrafficPart detail={detail} view={target.value} />
      <PartState
        resource={target}
        what={t('lists.environments')}
        permission={deliveryTargetReadPermission.name}
        skeletonHeight={80}
      >
        {value =>
          value && <VerbsPart {...props} view={value} reload={reload} />
        }
      </PartState>
      <Gates gates={deployment.waitingFor ?? []} />
      {rollout && step ? (
        <div className={classes.columns}>
          <StepTimeline rollout={rollout} chosen={shown} onChoose={setChosen} />
          <div className={classes.evidence}>
            <StepEvidence
              step={step}
              detail={detail}
              measurements={measurements}
              said={outcomeReason(deployment)?.message}
            />
          </div>
        </div>
      ) : (
        <Typography variant="body2">{t('deployment.notStarted')}</Typography>
      )}
      <section>
        <Typography variant="h6" component="h3">
          {t('deployment.events')}
        </Typography>
        <EventList events={detail.events} />
      </section>
      <Ignored lines={detail.ignored} />
      <AuditLine detail={detail} />
    </div>
  );
}

/** What the manifests say and the environment does not do. */
function Ignored({ lines }: { lines: string[] }) {
  const t = useDeliveryTranslation();
  return lines.length === 0 ? null : (
    <Typography variant="body2" component="details">
      <summary>{t('deployment.ignored', { count: lines.length })}</summary>
      <ul>
        {lines.map(line => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </Typography>
  );
}

/** Whether the environment is about this deployment now. */
function isCurrent(view: TargetView, id: string): boolean {
  return view.active?.id === id || (!view.active && view.last?.id === id);
}

/** The asked shares from its start on; beside them what is now, while it moves. */
function TrafficPart(props: {
  detail: DeploymentDetail;
  view: TargetView | undefined;
}) {
  const { detail, view } = props;
  const { deployment } = detail;
  const t = useDeliveryTranslation();
  const nowMs = useNow();
  const periods = sharesOverTime(deployment, detail.traffic, nowMs);
  const live = view && activeDeployment(view)?.id === deployment.id;
  if (!live && periods.length === 0) {
    return null;
  }
  return (
    <section>
      <Typography variant="h6" component="h3">
        {t('deployment.traffic')}
      </Typography>
      {periods.length > 0 && (
        <SharesOverTime periods={periods} version={deployment.releaseVersion} />
      )}
      {live && <TrafficBars target={view} />}
    </section>
  );
}

/** Verbs, for the deployment that the target is about now. */
function VerbsPart(props: {
  detail: DeploymentDetail;
  target: Resource<TargetView | undefined>;
  view: TargetView;
  reload: () => Promise<void>;
}) {
  const { detail, target, view, reload } = props;
  const { id } = detail.deployment;
  const verbs = useTargetVerbs(view, {
    reload,
    onSent: verb => target.mutate(value => value && predict(value, verb)),
  });
  return isCurrent(view, id) ? <VerbBar target={view} verbs={verbs} /> : null;
}
