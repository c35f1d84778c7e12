import Typography from '@material-ui/core/Typography';
import Alert from '@material-ui/lab/Alert';
import {
  Deployment,
  TargetView,
  isTerminalDeployment,
} from '@slipway/backstage-plugin-delivery-common';
import { formatClock } from '../../format';
import { useDeliveryTranslation } from '../../translation';
import { ReasonFacts } from '../Reasons';
import { outcomeReason } from './outcomeReason';

/** How it ended or why it waits, in a sentence that a tired person understands. */
export function OutcomeSentence(props: {
  deployment: Deployment;
  target?: TargetView;
}) {
  const { deployment, target } = props;
  const t = useDeliveryTranslation();
  const { status } = deployment;
  const reason = outcomeReason(deployment);
  if (!reason) {
    return null;
  }
  const isBack =
    (status === 'rolled-back' || status === 'aborted') && target?.stable;
  const held = target?.hold?.deploymentId === deployment.id;
  const severity =
    isTerminalDeployment(status) ||
    status === 'errored' ||
    status === 'aborting'
      ? 'error'
      : 'warning';
  return (
    <Alert severity={severity}>
      <Typography variant="body1">
        <strong>
          {t('deployment.sentence', {
            outcome: t(`words.deployment.${status}`),
            message: reason.message,
          })}
        </strong>{' '}
        {isBack &&
          deployment.finishedAtMs !== undefined &&
          t('deployment.backOn', {
            version: isBack.version,
            when: formatClock(deployment.finishedAtMs),
          })}{' '}
        {held && t('deployment.onHold')}
      </Typography>
      <ReasonFacts reason={reason} />
    </Alert>
  );
}
