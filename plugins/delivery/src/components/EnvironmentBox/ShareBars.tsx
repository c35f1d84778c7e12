import { Theme, makeStyles } from '@material-ui/core/styles';
import { formatPercent } from '../../format';
import { RowTrack, TrackRow } from '../../model';
import { trackFill } from '../../theme';
import { useDeliveryTranslation } from '../../translation';

const useStyles = makeStyles((theme: Theme) => ({
  row: {
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(0.75),
    whiteSpace: 'nowrap',
    lineHeight: 1.4,
  },
  rail: {
    flex: 'none',
    width: '2.5rem',
    height: 7,
    borderRadius: 2,
    overflow: 'hidden',
    border: `1px solid ${theme.palette.divider}`,
  },
  unknown: { borderStyle: 'dashed' },
  fill: { height: '100%' },
  stable: trackFill(theme, 'stable'),
  canary: trackFill(theme, 'canary'),
  preview: trackFill(theme, 'preview'),
  draining: trackFill(theme, 'draining'),
  gone: trackFill(theme, 'gone'),
}));

/** A track's share as it was asked, above it as it was measured. */
export function ShareBars(props: { row: TrackRow }) {
  const { track, askedPercent, seenPercent } = props.row;
  const t = useDeliveryTranslation();
  return (
    <>
      <ShareBar
        track={track}
        percent={askedPercent}
        text={t('pipeline.box.asked', { percent: formatPercent(askedPercent) })}
      />
      <ShareBar
        track={track}
        percent={seenPercent}
        text={t('pipeline.box.seen', { percent: formatPercent(seenPercent) })}
      />
    </>
  );
}

function ShareBar(props: {
  track: RowTrack;
  percent: number | undefined;
  text: string;
}) {
  const { track, percent, text } = props;
  const classes = useStyles();
  return (
    <div className={classes.row}>
      <div
        aria-hidden
        className={`${classes.rail} ${
          percent === undefined ? classes.unknown : ''
        }`}
      >
        <div
          className={`${classes.fill} ${classes[track]}`}
          style={{ width: `${percent ?? 0}%` }}
        />
      </div>
      <span>{text}</span>
    </div>
  );
}
