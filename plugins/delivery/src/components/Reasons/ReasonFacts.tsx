import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import { Reason } from '@slipway/backstage-plugin-delivery-common';
import { formatLimit, formatMetric } from '../../format';
import { useDeliveryTranslation } from '../../translation';

const useStyles = makeStyles((theme: Theme) => ({
  evidence: {
    margin: theme.spacing(1, 0),
    padding: theme.spacing(1),
    maxHeight: '16em',
    overflow: 'auto',
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
    backgroundColor: theme.palette.background.default,
    border: `1px solid ${theme.palette.divider}`,
    fontFamily: 'monospace',
    fontSize: theme.typography.body2.fontSize,
  },
}));

/** The numbers, the evidence and the way out that stand behind a reason. */
export function ReasonFacts(props: { reason: Reason }) {
  const { reason } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  return (
    <>
      {reason.metric && (
        <Typography variant="body2">
          {t('deployment.numbers', {
            metric: reason.metric,
            value: formatMetric(reason.value, reason.unit),
            limit: formatLimit(t, reason.threshold ?? {}, reason.unit),
            samples: String(reason.samples ?? t('common.unknown')),
          })}
        </Typography>
      )}
      {reason.evidence && !reason.message.includes(reason.evidence) && (
        <pre
          className={classes.evidence}
          aria-label={t('common.evidence')}
          role="region"
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so the keyboard must reach it
          tabIndex={0}
        >
          {reason.evidence}
        </pre>
      )}
      {reason.action && (
        <Typography variant="body2">
          {t('common.action', { action: reason.action })}
        </Typography>
      )}
    </>
  );
}
