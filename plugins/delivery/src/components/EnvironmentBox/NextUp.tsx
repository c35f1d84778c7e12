import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { Deployment } from '@slipway/backstage-plugin-delivery-common';
import { describeStep, formatCountdown } from '../../format';
import { useNow } from '../../hooks';
import { currentStep, nextStep } from '../../model';
import { DeliveryT, useDeliveryTranslation } from '../../translation';

const useStyles = makeStyles((theme: Theme) => ({
  root: {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'baseline',
    gap: theme.spacing(0, 1),
  },
  countdown: {
    fontSize: '1.75rem',
    fontWeight: 700,
    lineHeight: 1.2,
    fontVariantNumeric: 'tabular-nums',
    whiteSpace: 'nowrap',
  },
}));

/** When it goes on and with what, or that a person must say so. */
export function NextUp(props: { deployment: Deployment }) {
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const nowMs = useNow();
  const next = nextUp(t, props.deployment);
  if (!next) {
    return null;
  }
  return (
    <div className={classes.root}>
      {next.untilMs !== undefined && (
        <span role="timer" className={classes.countdown}>
          {formatCountdown(next.untilMs - nowMs)}
        </span>
      )}
      <Typography variant="body2" component="span">
        {next.text}
      </Typography>
    </div>
  );
}

function nextUp(
  t: DeliveryT,
  deployment: Deployment,
): { text: string; untilMs?: number } | undefined {
  const { rollout } = deployment;
  const step = currentStep(deployment);
  if (!rollout || !step) {
    return undefined;
  }
  const next = nextStep(deployment);
  const what = next && describeStep(t, next.step);
  const untilMs = rollout.paused ? rollout.paused.untilMs : step.endsAtMs;
  if (rollout.error && !rollout.paused) {
    return { text: rollout.error.reason.message };
  }
  if (step.step.type === 'analysis' && untilMs !== undefined) {
    return { text: t('pipeline.box.untilVerdict'), untilMs };
  }
  if (rollout.paused && untilMs === undefined) {
    return { text: t('pipeline.box.waitsForPerson') };
  }
  if (!what) {
    return undefined;
  }
  return untilMs === undefined
    ? { text: t('pipeline.box.next', { what }) }
    : { text: t('pipeline.box.untilNext', { what }), untilMs };
}
