import Tooltip from '@material-ui/core/Tooltip';
import { Theme, makeStyles } from '@material-ui/core/styles';
import {
  AnalysisVerdict,
  MetricVerdict,
} from '@slipway/backstage-plugin-delivery-common';
import { formatLimit, formatMetric } from '../../format';
import { verdictTone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { ToneWord } from '../Tone';

const useStyles = makeStyles((theme: Theme) => ({
  list: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(0.5, 1),
    margin: 0,
    padding: 0,
    listStyle: 'none',
  },
  chip: {
    border: `1px solid ${theme.palette.divider}`,
    borderRadius: theme.shape.borderRadius * 2,
    padding: theme.spacing(0.25, 1),
    ...theme.typography.body2,
  },
}));

/** Each metric with its value beside its limit, its samples and its verdict. */
export function VerdictChips(props: { verdicts: AnalysisVerdict[] }) {
  const classes = useStyles();
  const metrics = props.verdicts.flatMap(verdict =>
    verdict.metrics.map(metric => ({ id: verdict.analysisId, metric })),
  );
  if (metrics.length === 0) {
    return null;
  }
  return (
    <ul className={classes.list}>
      {metrics.map(({ id, metric }) => (
        <VerdictChip key={`${id}/${metric.metric}`} metric={metric} />
      ))}
    </ul>
  );
}

function VerdictChip(props: { metric: MetricVerdict }) {
  const { metric } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const value = formatMetric(metric.value, metric.unit);
  const limit = formatLimit(t, metric, metric.unit);
  const samples = t('pipeline.verdict.samples', {
    samples: String(metric.samples),
    minSamples: String(metric.minSamples),
  });
  const verdict = t(`words.verdict.${metric.verdict ?? 'running'}`);
  return (
    <Tooltip
      title={t('pipeline.verdict.full', {
        metric: metric.metric,
        verdict,
        value,
        limit,
        samples,
      })}
    >
      <li className={classes.chip}>
        <ToneWord tone={verdictTone(metric.verdict)}>
          {metric.metric} {value}
        </ToneWord>{' '}
        · {limit} · {samples} · {verdict}
      </li>
    </Tooltip>
  );
}
