import { Link } from '@backstage/core-components';
import LinearProgress from '@material-ui/core/LinearProgress';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { Deployment } from '@slipway/backstage-plugin-delivery-common';
import { describeStep, formatCountdown } from '../../format';
import { useNow } from '../../hooks';
import { currentStep, nextStep } from '../../model';
import { deploymentTone } from '../../theme';
import { DeliveryT, useDeliveryTranslation } from '../../translation';
import { useTabPaths } from '../DeliveryTab/TabPaths';
import { ToneWord } from '../Tone';

const useStyles = makeStyles((theme: Theme) => ({
  line: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(0.5, 1),
    alignItems: 'center',
    ...theme.typography.body2,
  },
  bar: { height: 6, borderRadius: 3 },
}));

/** What moves, how far it is, and when it goes on. */
export function ActiveLine(props: { deployment: Deployment }) {
  const { deployment } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const paths = useTabPaths();
  const nowMs = useNow();
  const { rollout } = deployment;
  const step = currentStep(deployment);
  const total = rollout?.steps.length ?? 0;
  const label =
    step &&
    t('pipeline.box.step', {
      step: String(step.index + 1),
      total: String(total),
    });
  return (
    <>
      <div className={classes.line}>
        <ToneWord tone={deploymentTone(deployment)}>
          {deployment.status === 'paused' && rollout?.paused
            ? t(`words.paused.${rollout.paused.reason}`)
            : t(`words.deployment.${deployment.status}`)}
        </ToneWord>
        {label && <span>{label}</span>}
        {step && <span>{describeStep(t, step.step)}</span>}
        <Link to={paths.deployment(deployment.id)}>
          {t('pipeline.box.openDeployment')}
        </Link>
      </div>
      {step && total > 0 && (
        <LinearProgress
          className={classes.bar}
          variant="determinate"
          value={(100 * step.index) / total}
          aria-label={label}
        />
      )}
      <Typography variant="body2">{nextLine(t, deployment, nowMs)}</Typography>
    </>
  );
}

/** When it goes on and with what, or that a person must say so. */
export function nextLine(
  t: DeliveryT,
  deployment: Deployment,
  nowMs: number,
): string {
  const { rollout } = deployment;
  if (rollout?.phase !== 'stepping') {
    return '';
  }
  const step = currentStep(deployment);
  const next = nextStep(deployment);
  const what = next && describeStep(t, next.step);
  const untilMs = rollout?.paused ? rollout.paused.untilMs : step?.endsAtMs;
  if (rollout?.error && !rollout.paused) {
    return rollout.error.reason.message;
  }
  if (step?.step.type === 'analysis' && untilMs !== undefined) {
    return t('pipeline.box.measuringUntil', {
      countdown: formatCountdown(untilMs - nowMs),
    });
  }
  if (rollout?.paused && untilMs === undefined) {
    return t('pipeline.box.waitsForPerson');
  }
  if (!what) {
    return '';
  }
  return untilMs === undefined
    ? t('pipeline.box.next', { what })
    : t('pipeline.box.nextIn', {
        what,
        countdown: formatCountdown(untilMs - nowMs),
      });
}
