import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { formatClock, formatPercent } from '../../format';
import { SharesPeriod } from '../../model';
import { trackFill } from '../../theme';
import { useDeliveryTranslation } from '../../translation';

const useStyles = makeStyles((theme: Theme) => ({
  scroll: { overflowX: 'auto' },
  bar: {
    display: 'flex',
    minWidth: 'fit-content',
    height: '3rem',
    overflow: 'hidden',
    borderRadius: theme.shape.borderRadius,
    border: `1px solid ${theme.palette.divider}`,
  },
  labels: {
    display: 'flex',
    minWidth: 'fit-content',
    ...theme.typography.caption,
    lineHeight: 1.5,
  },
  // Short ones stay visible; the way back is often done in a blink.
  period: { flexBasis: 0, minWidth: '2.75rem' },
  stack: {
    display: 'flex',
    flexDirection: 'column',
    borderLeft: `1px solid ${theme.palette.background.paper}`,
  },
  label: {
    overflow: 'hidden',
    whiteSpace: 'nowrap',
    textOverflow: 'ellipsis',
    paddingLeft: 2,
  },
  before: trackFill(theme, 'stable'),
  now: trackFill(theme, 'canary'),
  axis: {
    display: 'flex',
    justifyContent: 'space-between',
    ...theme.typography.caption,
  },
  legend: {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(0, 2),
    ...theme.typography.body2,
  },
  key: { display: 'inline-flex', alignItems: 'center', gap: 6 },
  swatch: { width: 20, height: 10, borderRadius: 2 },
}));

/** Of the whole width; what is narrower has no room for what was measured. */
const ROOM_FOR_MEASURED = 0.15;

/**
 * The asked shares of a deployment from its start to its end, one stack a
 * period, with what was measured in it.
 */
export function SharesOverTime(props: {
  periods: SharesPeriod[];
  version: string;
}) {
  const { periods, version } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const describe = (period: SharesPeriod) =>
    t(
      period.measuredPercent === undefined
        ? 'deployment.periodLabel'
        : 'deployment.periodMeasured',
      {
        at: formatClock(period.fromMs),
        version,
        percent: formatPercent(period.newPercent),
        measured: formatPercent(period.measuredPercent ?? 0),
      },
    );
  const label = periods.map(describe).join(', ');
  const wholeMs = periods[periods.length - 1].toMs - periods[0].fromMs;
  const hasRoom = ({ fromMs, toMs }: SharesPeriod) =>
    toMs - fromMs >= wholeMs * ROOM_FOR_MEASURED;
  // A period that lasted as long as all others still leaves them room.
  const grow = (period: SharesPeriod) => ({
    flexGrow: Math.max(1, period.toMs - period.fromMs),
  });
  return (
    <>
      <div className={classes.scroll}>
        <div
          className={classes.bar}
          role="img"
          aria-label={`${t('deployment.askedOverTime')}: ${label}`}
        >
          {periods.map((period, index) => (
            <div
              key={`${period.fromMs}-${index}`}
              className={`${classes.period} ${classes.stack}`}
              style={grow(period)}
              title={describe(period)}
            >
              <div
                className={classes.now}
                style={{ flex: `${period.newPercent} 0 0` }}
              />
              <div
                className={classes.before}
                style={{ flex: `${100 - period.newPercent} 0 0` }}
              />
            </div>
          ))}
        </div>
        <div className={classes.labels} aria-hidden>
          {periods.map((period, index) => (
            <div
              key={`${period.fromMs}-${index}`}
              className={`${classes.period} ${classes.label}`}
              style={grow(period)}
            >
              <strong>{formatPercent(period.newPercent)}</strong>
              {period.measuredPercent !== undefined && hasRoom(period) && (
                <div>
                  {t('deployment.measuredShort', {
                    percent: formatPercent(period.measuredPercent),
                  })}
                </div>
              )}
            </div>
          ))}
        </div>
      </div>
      <div className={classes.axis} aria-hidden>
        <span>{formatClock(periods[0].fromMs)}</span>
        <span>{formatClock(periods[periods.length - 1].toMs)}</span>
      </div>
      <div className={classes.legend}>
        <Typography variant="body2" component="span">
          {t('deployment.askedOverTime')}
        </Typography>
        <span className={classes.key}>
          <span className={`${classes.swatch} ${classes.now}`} aria-hidden />
          {version}
        </span>
        <span className={classes.key}>
          <span className={`${classes.swatch} ${classes.before}`} aria-hidden />
          {t('deployment.ranBefore')}
        </span>
      </div>
    </>
  );
}
