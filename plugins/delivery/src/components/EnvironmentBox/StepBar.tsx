import { Theme, makeStyles } from '@material-ui/core/styles';
import {
  RolloutState,
  StepState,
} from '@slipway/backstage-plugin-delivery-common';
import { describeStep } from '../../format';
import { toneColour, waitsForPerson } from '../../theme';
import { useDeliveryTranslation } from '../../translation';

const useStyles = makeStyles((theme: Theme) => ({
  root: { display: 'flex', gap: 3, width: '100%' },
  segment: {
    flex: '1 1 0',
    minWidth: 4,
    height: 10,
    borderRadius: 3,
    boxSizing: 'border-box',
    border: `1px solid ${theme.palette.text.secondary}`,
  },
  done: {
    borderColor: toneColour(theme, 'moving'),
    backgroundColor: toneColour(theme, 'moving'),
  },
  // Stripes: told from a finished one without colour.
  active: { flexGrow: 2, backgroundImage: stripes(theme, 'moving') },
  waiting: { flexGrow: 2, backgroundImage: stripes(theme, 'waiting') },
  failed: {
    borderColor: toneColour(theme, 'broken'),
    backgroundColor: toneColour(theme, 'broken'),
  },
  pending: {},
  skipped: { borderStyle: 'dashed' },
}));

function stripes(theme: Theme, tone: 'moving' | 'waiting'): string {
  return `repeating-linear-gradient(45deg, ${toneColour(theme, tone)} 0 5px, ${
    theme.palette.background.paper
  } 5px 8px)`;
}

/** How far a rollout is: a segment for each step, done, current or coming. */
export function StepBar(props: { rollout: RolloutState; step: StepState }) {
  const { rollout, step } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const total = rollout.steps.length;
  return (
    <div
      className={classes.root}
      role="progressbar"
      aria-valuemin={0}
      aria-valuemax={total}
      aria-valuenow={step.index}
      aria-label={t('pipeline.box.step', {
        step: String(step.index + 1),
        total: String(total),
      })}
    >
      {rollout.steps.map(it => {
        const status =
          it.status === 'active' &&
          rollout.paused &&
          waitsForPerson(rollout.paused)
            ? 'waiting'
            : it.status;
        return (
          <span
            key={it.index}
            data-status={status}
            className={`${classes.segment} ${classes[status]}`}
            title={`${it.index + 1}. ${describeStep(t, it.step)}`}
          />
        );
      })}
    </div>
  );
}
