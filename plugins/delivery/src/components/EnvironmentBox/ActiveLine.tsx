import { Link } from '@backstage/core-components';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { Deployment } from '@slipway/backstage-plugin-delivery-common';
import { describeStep } from '../../format';
import { currentStep } from '../../model';
import { deploymentTone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { useTabPaths } from '../DeliveryTab/TabPaths';
import { ToneWord } from '../Tone';
import { NextUp } from './NextUp';
import { StepBar } from './StepBar';

const useStyles = makeStyles((theme: Theme) => ({
  line: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(0.5, 1),
    alignItems: 'baseline',
    ...theme.typography.body2,
  },
}));

/** What moves, how far it is, and when it goes on. */
export function ActiveLine(props: { deployment: Deployment }) {
  const { deployment } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const paths = useTabPaths();
  const { rollout } = deployment;
  const step = currentStep(deployment);
  return (
    <>
      <div className={classes.line}>
        <ToneWord tone={deploymentTone(deployment)}>
          {deployment.status === 'paused' && rollout?.paused
            ? t(`words.paused.${rollout.paused.reason}`)
            : t(`words.deployment.${deployment.status}`)}
        </ToneWord>
        {rollout && step && (
          <span>
            {t('pipeline.box.step', {
              step: String(step.index + 1),
              total: String(rollout.steps.length),
            })}
            : <strong>{describeStep(t, step.step)}</strong>
          </span>
        )}
        <Link to={paths.deployment(deployment.id)} underline="always">
          {t('pipeline.box.openDeployment')}
        </Link>
      </div>
      {rollout && step && <StepBar rollout={rollout} step={step} />}
      <NextUp deployment={deployment} />
    </>
  );
}
