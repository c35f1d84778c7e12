import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { TargetView, isKnown } from '@slipway/backstage-plugin-delivery-common';
import { formatDuration, formatPercent } from '../../format';
import { RowTrack, TrackRow, trackRows } from '../../model';
import { trackFill } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { ToneWord } from '../Tone';
import { TrafficRoutes } from '../TrafficRoutes';

const useStyles = makeStyles((theme: Theme) => ({
  row: { margin: theme.spacing(1, 0) },
  bar: {
    display: 'flex',
    width: '100%',
    height: '1.5rem',
    borderRadius: theme.shape.borderRadius,
    overflow: 'hidden',
    border: `1px solid ${theme.palette.divider}`,
  },
  part: {
    minWidth: 0,
    '@media (prefers-reduced-motion: no-preference)': {
      transition: 'flex-grow 300ms',
    },
  },
  stable: trackFill(theme, 'stable'),
  canary: trackFill(theme, 'canary'),
  preview: trackFill(theme, 'preview'),
  draining: trackFill(theme, 'draining'),
  gone: trackFill(theme, 'gone'),
}));

/** Traffic as it was asked and as it was measured, one bar above the other. */
export function TrafficBars(props: { target: TargetView }) {
  const { target } = props;
  const t = useDeliveryTranslation();
  const rows = trackRows(target);
  if (!isKnown(target.traffic)) {
    return (
      <ToneWord tone="unknown">
        {t('pipeline.box.trafficUnknown', { reason: target.traffic.unknown })}
      </ToneWord>
    );
  }
  const { measured } = target.traffic.known;
  return (
    <>
      <TrafficBar
        title={t('deployment.asked')}
        rows={rows}
        read={row => row.askedPercent}
      />
      {measured ? (
        <TrafficBar
          title={`${t('deployment.measured')} (${t('deployment.measuredOf', {
            requests: String(measured.requests),
            window: formatDuration(measured.windowMs),
          })})`}
          rows={rows}
          read={row => row.seenPercent}
        />
      ) : (
        <ToneWord tone="unknown">{t('pipeline.box.seenUnknown')}</ToneWord>
      )}
      <TrafficRoutes target={target} />
    </>
  );
}

function TrafficBar(props: {
  title: string;
  rows: TrackRow[];
  read: (row: TrackRow) => number | undefined;
}) {
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const styles: Record<RowTrack, string> = classes;
  const shown = props.rows.filter(row => (props.read(row) ?? 0) > 0);
  const text = props.rows
    .map(
      row =>
        `${t(`words.track.${row.track}`)} ${formatPercent(props.read(row))}`,
    )
    .join(', ');
  return (
    <div className={classes.row}>
      <Typography variant="body2">
        {props.title}: {text}
      </Typography>
      <div
        className={classes.bar}
        role="img"
        aria-label={`${props.title}: ${text}`}
      >
        {shown.map(row => (
          <div
            key={row.generation}
            className={`${classes.part} ${styles[row.track]}`}
            style={{ flexGrow: props.read(row) }}
          />
        ))}
      </div>
    </div>
  );
}
