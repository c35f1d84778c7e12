import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import ArrowForwardIcon from '@material-ui/icons/ArrowForward';
import { TargetView } from '@slipway/backstage-plugin-delivery-common';
import { formatActor } from '../../format';
import { useDeliveryTranslation } from '../../translation';
import { RelativeTime } from '../RelativeTime';
import { ToneWord } from '../Tone';

const useStyles = makeStyles((theme: Theme) => ({
  root: {
    flex: '0 1 auto',
    maxWidth: '9rem',
    display: 'flex',
    flexDirection: 'column',
    alignItems: 'center',
    justifyContent: 'center',
    textAlign: 'center',
    gap: theme.spacing(0.5),
    overflowWrap: 'anywhere',
    [theme.breakpoints.down('sm')]: { maxWidth: '100%' },
  },
  icon: {
    color: theme.palette.text.secondary,
    [theme.breakpoints.down('sm')]: { transform: 'rotate(90deg)' },
  },
}));

/** What moves from one environment to the next, and what keeps it from moving. */
export function PromotionArrow(props: { from?: TargetView; to: TargetView }) {
  const { from, to } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const closed = [to.active, ...to.queued].flatMap(
    deployment =>
      deployment?.waitingFor?.filter(
        gate => !gate.open && !(gate.gate === 'hold' && to.hold),
      ) ?? [],
  );
  if (!from && !to.hold && closed.length === 0) {
    return null;
  }
  return (
    <div className={classes.root}>
      {to.hold && (
        <Typography variant="caption" component="div">
          <ToneWord tone="waiting">
            {t('pipeline.arrow.hold', {
              who: formatActor(t, to.hold.by),
              reason: to.hold.reason,
            })}
          </ToneWord>{' '}
          <RelativeTime atMs={to.hold.sinceMs} />
        </Typography>
      )}
      {closed.map(gate => (
        <Typography
          key={`${gate.gate}:${gate.message}`}
          variant="caption"
          component="div"
        >
          <ToneWord tone="waiting">{gate.message}</ToneWord>
        </Typography>
      ))}
      {from && (
        <ArrowForwardIcon
          className={classes.icon}
          titleAccess={t('pipeline.arrow.moves', {
            from: from.environment.title,
            to: to.environment.title,
          })}
        />
      )}
    </div>
  );
}
