import Typography from '@material-ui/core/Typography';
import { TargetView } from '@slipway/backstage-plugin-delivery-common';
import { formatActor, formatClock } from '../../format';
import { useDeliveryTranslation } from '../../translation';
import { RelativeTime } from '../RelativeTime';
import { ToneWord } from '../Tone';

/** How far giving back is, until when it has time, and what a person can do. */
export function GivingBack(props: {
  giveBack: NonNullable<TargetView['givingBack']>;
}) {
  const { by, sinceMs, message, deadlineMs, overdue } = props.giveBack;
  const t = useDeliveryTranslation();
  if (overdue) {
    return (
      <Typography variant="body2" component="div" role="status">
        <ToneWord tone="broken">{overdue.reason.message}</ToneWord> ·{' '}
        <RelativeTime atMs={overdue.sinceMs} />
        {overdue.reason.action && (
          <div>{t('common.action', { action: overdue.reason.action })}</div>
        )}
      </Typography>
    );
  }
  const who = formatActor(t, by);
  return (
    <Typography variant="body2" component="div" role="status">
      <ToneWord tone="moving">
        {message
          ? t('pipeline.box.givingBackNow', { who, message })
          : t('pipeline.box.givingBack', { who })}
      </ToneWord>{' '}
      · <RelativeTime atMs={sinceMs} />.{' '}
      {deadlineMs !== undefined &&
        `${t('pipeline.box.givingBackUntil', {
          when: formatClock(deadlineMs),
        })} `}
      {t('pipeline.box.givingBackStop')}
    </Typography>
  );
}
