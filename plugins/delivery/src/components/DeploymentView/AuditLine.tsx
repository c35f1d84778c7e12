import Typography from '@material-ui/core/Typography';
import { DeploymentDetail } from '@slipway/backstage-plugin-delivery-common';
import { formatActor, formatExact, mainDigest } from '../../format';
import { useDeliveryTranslation } from '../../translation';
import { DigestText } from '../DigestText';

/** Who, when, why, with which digest. */
export function AuditLine(props: { detail: DeploymentDetail }) {
  const { deployment, pendingCommands, notRestorable } = props.detail;
  const t = useDeliveryTranslation();
  return (
    <section aria-label={t('deployment.audit')}>
      <Typography variant="body2" component="div">
        {t('deployment.auditLine', {
          kind: t(`words.kind.${deployment.kind}`),
          who: formatActor(t, deployment.createdBy),
          when: formatExact(deployment.createdAtMs),
          cause: deployment.cause,
        })}{' '}
        <DigestText
          digest={mainDigest(deployment.rollout?.candidate.digests)}
        />
      </Typography>
      {pendingCommands.map(command => (
        <Typography key={command.id} variant="body2">
          {t('deployment.pendingCommand', {
            verb: t(`verbs.label.${command.verb}`),
            who: formatActor(t, command.actor),
          })}
        </Typography>
      ))}
      {notRestorable.length > 0 && (
        <Typography variant="body2">
          {t('verbs.dialog.notRestorable')} {notRestorable.join(', ')}
        </Typography>
      )}
    </section>
  );
}
