import { useId } from 'react';
import { Link } from '@backstage/core-components';
import Divider from '@material-ui/core/Divider';
import Paper from '@material-ui/core/Paper';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import {
  Deployment,
  TargetView,
  isTerminalDeployment,
} from '@slipway/backstage-plugin-delivery-common';
import { activeDeployment } from '../../model';
import {
  Tone,
  deploymentTone,
  healthTone,
  targetTone,
  toneColour,
} from '../../theme';
import { DeliveryT, useDeliveryTranslation } from '../../translation';
import { predict, useTargetVerbs } from '../../verbs';
import { useTabPaths } from '../DeliveryTab/TabPaths';
import { HeadRow } from '../HeadRow';
import { RelativeTime } from '../RelativeTime';
import { ToneWord } from '../Tone';
import { VerbBar } from '../VerbBar';
import { VerdictChips } from '../VerdictChips';
import { ActiveLine } from './ActiveLine';
import { TrackTable } from './TrackTable';
import { VersionLine } from './VersionLine';
import { Warnings } from './Warnings';

const useStyles = makeStyles<Theme, { tone: Tone }>(theme => ({
  root: {
    padding: theme.spacing(2),
    flex: '1 1 20rem',
    minWidth: 0,
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(1),
    // For names without a space; words are never cut while there is room.
    overflowWrap: 'anywhere',
    borderTopWidth: 6,
    borderTopStyle: props => (props.tone === 'unknown' ? 'dashed' : 'solid'),
    borderTopColor: props => toneColour(theme, props.tone),
  },
  grow: { flex: 1 },
}));

/** "Waits: the hold", or the status where no gate is closed. */
function waitsFor(t: DeliveryT, deployment: Deployment): string {
  const gates = (deployment.waitingFor ?? [])
    .filter(gate => !gate.open)
    .map(gate => t(`words.gate.${gate.gate}`));
  return gates.length > 0
    ? t('pipeline.box.waitsFor', { gates: [...new Set(gates)].join(', ') })
    : t(`words.deployment.${deployment.status}`);
}

export interface EnvironmentBoxProps {
  target: TargetView;
  reload: () => Promise<void>;
  /** Shows what a verb is expected to do before the backend has said so. */
  onPredict: (predicted: TargetView) => void;
}

/** One environment of a service: what runs there, what moves, what one can do. */
export function EnvironmentBox(props: EnvironmentBoxProps) {
  const { target, reload, onPredict } = props;
  const t = useDeliveryTranslation();
  const tone = targetTone(target);
  const classes = useStyles({ tone });
  const titleId = useId();
  const paths = useTabPaths();
  const verbs = useTargetVerbs(target, {
    reload,
    onSent: verb => onPredict(predict(target, verb)),
  });
  const active = activeDeployment(target);

  return (
    <Paper
      component="section"
      variant="outlined"
      className={classes.root}
      data-tone={tone}
      aria-labelledby={titleId}
    >
      <HeadRow>
        <Typography variant="h6" component="h3" id={titleId}>
          {target.environment.title}
        </Typography>
        <ToneWord tone={healthTone(target.health.status)}>
          {target.givenBack && !active
            ? t('pipeline.box.givenBackWord')
            : t(`words.health.${target.health.status}`)}
        </ToneWord>
      </HeadRow>
      <VersionLine target={target} />
      {active && <ActiveLine deployment={active} />}
      <Warnings target={target} />
      <TrackTable target={target} />
      <VerdictChips verdicts={active ? target.verdicts : []} />
      {!active && target.last && isTerminalDeployment(target.last.status) && (
        <Typography variant="body2" component="div">
          <ToneWord tone={deploymentTone(target.last)}>
            {t('pipeline.box.last', {
              outcome: t(`words.deployment.${target.last.status}`),
            })}
          </ToneWord>
          {target.last.finishedAtMs !== undefined && (
            <>
              {' '}
              · <RelativeTime atMs={target.last.finishedAtMs} />
            </>
          )}{' '}
          ·{' '}
          <Link to={paths.deployment(target.last.id)} underline="always">
            {target.last.status === 'succeeded'
              ? t('pipeline.box.openDeployment')
              : t('pipeline.box.why')}
          </Link>
          {target.last.reason && target.last.status !== 'succeeded' && (
            <Typography variant="body2">
              {target.last.reason.message}
            </Typography>
          )}
        </Typography>
      )}
      {target.queued.map(deployment => (
        <Typography key={deployment.id} variant="body2" component="div">
          <ToneWord tone={deploymentTone(deployment)}>
            {t('pipeline.box.waits', {
              version: deployment.releaseVersion,
              status: waitsFor(t, deployment),
            })}
          </ToneWord>{' '}
          ·{' '}
          <Link to={paths.deployment(deployment.id)} underline="always">
            {t('pipeline.box.openDeployment')}
          </Link>
        </Typography>
      ))}
      <div className={classes.grow} />
      <Divider />
      <VerbBar target={target} verbs={verbs} />
    </Paper>
  );
}
