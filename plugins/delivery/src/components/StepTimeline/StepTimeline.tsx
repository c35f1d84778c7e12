import ButtonBase from '@material-ui/core/ButtonBase';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import {
  RolloutState,
  StepState,
} from '@slipway/backstage-plugin-delivery-common';
import { describeStep, formatCountdown, formatDuration } from '../../format';
import { useNow } from '../../hooks';
import { stepTone, verdictTone, waitsForPerson } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { ToneWord } from '../Tone';

const useStyles = makeStyles((theme: Theme) => ({
  list: { listStyle: 'none', margin: 0, padding: 0 },
  item: {
    borderLeft: `2px solid ${theme.palette.divider}`,
    paddingLeft: theme.spacing(1),
  },
  button: {
    display: 'block',
    width: '100%',
    textAlign: 'left',
    padding: theme.spacing(1),
    borderRadius: theme.shape.borderRadius,
    '&[aria-current="true"]': {
      backgroundColor: theme.palette.action.selected,
    },
    '&:focus-visible': { outline: `2px solid ${theme.palette.primary.main}` },
  },
}));

/** The steps in order: done with duration and verdict, the current one with countdown, what comes. */
export function StepTimeline(props: {
  rollout: RolloutState;
  chosen: number;
  onChoose: (index: number) => void;
}) {
  const { rollout } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const nowMs = useNow();
  return (
    <ol className={classes.list} aria-label={t('deployment.steps')}>
      {rollout.steps.map(step => (
        <li key={step.index} className={classes.item}>
          <ButtonBase
            className={classes.button}
            aria-current={step.index === props.chosen}
            onClick={() => props.onChoose(step.index)}
          >
            <Typography variant="body2" component="span" display="block">
              {step.index + 1}. {describeStep(t, step.step)}
            </Typography>
            <Typography variant="body2" component="span" display="block">
              <ToneWord tone={toneOf(step, rollout)}>
                {step.status === 'pending' && rollout.phase !== 'stepping'
                  ? t('deployment.notReached')
                  : t(`words.stepStatus.${step.status}`)}
              </ToneWord>{' '}
              <StepTime step={step} rollout={rollout} nowMs={nowMs} />
              {step.verdict && (
                <>
                  {' '}
                  ·{' '}
                  <ToneWord tone={verdictTone(step.verdict)}>
                    {t(`words.verdict.${step.verdict}`)}
                  </ToneWord>
                </>
              )}
            </Typography>
          </ButtonBase>
        </li>
      ))}
    </ol>
  );
}

function toneOf(step: StepState, rollout: RolloutState) {
  return step.status === 'active' &&
    rollout.paused &&
    waitsForPerson(rollout.paused)
    ? 'waiting'
    : stepTone(step.status);
}

function StepTime(props: {
  step: StepState;
  rollout: RolloutState;
  nowMs: number;
}) {
  const { step, rollout, nowMs } = props;
  const t = useDeliveryTranslation();
  if (step.startedAtMs === undefined) {
    return null;
  }
  if (step.finishedAtMs !== undefined) {
    return (
      <>
        {t('deployment.took', {
          duration: formatDuration(step.finishedAtMs - step.startedAtMs),
        })}
      </>
    );
  }
  if (step.status !== 'active') {
    return null;
  }
  const untilMs = rollout.paused ? rollout.paused.untilMs : step.endsAtMs;
  return (
    <>
      {untilMs === undefined
        ? t('deployment.running', {
            duration: formatDuration(nowMs - step.startedAtMs),
          })
        : t('deployment.left', { countdown: formatCountdown(untilMs - nowMs) })}
    </>
  );
}
