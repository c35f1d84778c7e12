import { useState } from 'react';
import { useApi } from '@backstage/core-plugin-api';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import Alert from '@material-ui/lab/Alert';
import {
  ReleaseDetail,
  StageName,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { formatActor, shortSha } from '../../format';
import { useLog } from '../../hooks';
import { releaseTone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { DefinitionProblems } from '../DefinitionProblems';
import { DeploymentTable } from '../DeploymentList';
import { ReleaseFindings } from '../FindingsPanel';
import { LiveRegion } from '../LiveRegion';
import { LogPane } from '../LogPane';
import { ReasonFacts } from '../Reasons';
import { RelativeTime } from '../RelativeTime';
import { ToneWord } from '../Tone';
import { ImageTable } from './ImageTable';
import { ReleaseVerbs } from './ReleaseVerbs';
import { StageFacts } from './StageFacts';
import { StageStrip } from './StageStrip';
import { openingStage } from './openingStage';

const useStyles = makeStyles((theme: Theme) => ({
  root: {
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(2),
    overflowWrap: 'anywhere',
  },
}));

export function ReleaseBody(props: {
  detail: ReleaseDetail;
  reload: () => Promise<void>;
}) {
  const { detail, reload } = props;
  const { release } = detail;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const classes = useStyles();
  // Undefined: follow the release; a choice of the reader stays.
  const [chosen, setChosen] = useState<StageName>();
  const shown = chosen ?? openingStage(release);
  const stage = release.stages.find(it => it.stage === shown);
  // A new attempt has a new log.
  const log = useLog(`${release.id}/${shown}/${stage?.attempt ?? 0}`, request =>
    api.getReleaseLogs(release.id, { stage: shown, ...request }),
  );
  // Its problems say more than the reason that is made of them.
  const isDefinition = detail.definitionProblems.length > 0;
  const title = t('release.title', { version: release.version });
  const status = t(`words.release.${release.status}`);

  return (
    <div className={classes.root}>
      <LiveRegion states={{ [release.id]: `${title}: ${status}` }} />
      <div>
        <Typography variant="h5" component="h2">
          {title}
        </Typography>
        <Typography variant="body1" component="div">
          <ToneWord tone={releaseTone(release.status)}>{status}</ToneWord> ·{' '}
          <code>{shortSha(release.commit.sha)}</code>{' '}
          {release.commit.message.split('\n')[0]}
        </Typography>
        <Typography variant="body2" component="div">
          {t('common.by', { who: formatActor(t, release.createdBy) })} ·{' '}
          <RelativeTime atMs={release.createdAtMs} />
        </Typography>
      </div>
      {release.reason && release.status !== 'ready' && !isDefinition && (
        <Alert severity="error">
          <strong>
            {t('deployment.sentence', {
              outcome: status,
              message: release.reason.message,
            })}
          </strong>
          <ReasonFacts reason={release.reason} />
        </Alert>
      )}
      <DefinitionProblems
        problems={detail.definitionProblems}
        action={release.reason?.action}
      />
      <ReleaseVerbs detail={detail} reload={reload} />
      <StageStrip stages={release.stages} chosen={shown} onChoose={setChosen} />
      {stage && <StageFacts stage={stage} said={release.reason?.message} />}
      <LogPane
        log={log}
        label={t('release.log', { stage: t(`words.stage.${shown}`) })}
      />
      <section>
        <Typography variant="h6" component="h3">
          {t('release.images')}
        </Typography>
        <ImageTable
          images={release.images}
          ended={release.finishedAtMs !== undefined}
        />
      </section>
      <section>
        <Typography variant="h6" component="h3">
          {t('release.findings')}
        </Typography>
        <ReleaseFindings release={release} />
      </section>
      {detail.deployments.length > 0 && (
        <section>
          <Typography variant="h6" component="h3">
            {t('release.deployments')}
          </Typography>
          <DeploymentTable deployments={detail.deployments} />
        </section>
      )}
    </div>
  );
}
