import { formatClock } from '../../format';
import { useStreamStatus } from '../../hooks';
import { useDeliveryTranslation } from '../../translation';
import { ToneWord } from '../Tone';

/** Whether the page is live, and since when it is not. */
export function LiveMarker() {
  const status = useStreamStatus();
  const t = useDeliveryTranslation();
  if (status.state === 'down') {
    return (
      <ToneWord tone="waiting">
        {t('common.stale', { since: formatClock(status.sinceMs) })}
        {status.reason && `. ${status.reason}`}
      </ToneWord>
    );
  }
  return status.state === 'live' ? (
    <ToneWord tone="neutral">{t('common.live')}</ToneWord>
  ) : (
    <ToneWord tone="unknown">{t('common.connecting')}</ToneWord>
  );
}
