import Typography from '@material-ui/core/Typography';
import { TimelineEvent } from '@slipway/backstage-plugin-delivery-common';
import { formatActor } from '../../format';
import { Tone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { DataTable } from '../DataTable';
import { RelativeTime } from '../RelativeTime';
import { ToneWord } from '../Tone';

const TONES: Record<TimelineEvent['level'], Tone> = {
  info: 'neutral',
  warning: 'waiting',
  error: 'broken',
};

/** What happened, newest first. */
export function EventList(props: { events: TimelineEvent[] }) {
  const t = useDeliveryTranslation();
  if (props.events.length === 0) {
    return <Typography variant="body2">{t('deployment.noEvents')}</Typography>;
  }
  // They come oldest first; of the same moment, the later one stays on top.
  const rows = [...props.events].reverse().sort((a, b) => b.atMs - a.atMs);
  return (
    <DataTable<TimelineEvent>
      caption={t('deployment.events')}
      rows={rows}
      rowKey={row => row.id}
      columns={[
        {
          title: t('common.age'),
          render: row => <RelativeTime atMs={row.atMs} />,
        },
        {
          title: t('lists.what'),
          wide: true,
          render: row => (
            <ToneWord tone={TONES[row.level]}>{row.message}</ToneWord>
          ),
        },
        {
          title: t('common.who'),
          render: row => row.actor && formatActor(t, row.actor),
        },
      ]}
    />
  );
}
