import { useState } from 'react';
import Button from '@material-ui/core/Button';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import {
  Measurement,
  MetricVerdict,
} from '@slipway/backstage-plugin-delivery-common';
import { formatClock, formatLimit, formatMetric } from '../../format';
import { toneColour } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { MeasurementTable } from './MeasurementTable';
import { CHART, Point, chartLines, valueOf } from './chartScale';

const useStyles = makeStyles((theme: Theme) => ({
  figure: { margin: theme.spacing(1, 0) },
  svg: { width: '100%', height: 'auto', maxHeight: '16rem', display: 'block' },
  frame: { fill: 'none', stroke: theme.palette.divider },
  canary: {
    fill: 'none',
    stroke: toneColour(theme, 'moving'),
    strokeWidth: 2.5,
    vectorEffect: 'non-scaling-stroke',
  },
  // A stroke of no length: stays round however the picture is stretched.
  dot: {
    stroke: toneColour(theme, 'moving'),
    strokeWidth: 7,
    strokeLinecap: 'round',
    vectorEffect: 'non-scaling-stroke',
  },
  baseline: {
    fill: 'none',
    stroke: theme.palette.text.secondary,
    strokeWidth: 2,
    vectorEffect: 'non-scaling-stroke',
    strokeDasharray: '6 4',
  },
  threshold: {
    stroke: toneColour(theme, 'broken'),
    strokeWidth: 1.5,
    vectorEffect: 'non-scaling-stroke',
    strokeDasharray: '2 3',
  },
  legend: {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(0.5, 2),
    ...theme.typography.body2,
  },
  key: {
    display: 'inline-flex',
    alignItems: 'center',
    gap: theme.spacing(0.5),
  },
}));

function path(points: Point[]): string {
  return points
    .map(
      ({ x, y }, index) =>
        `${index ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`,
    )
    .join(' ');
}

/** One metric over time: canary against baseline, the threshold drawn in; also as a table. */
export function MetricChart(props: {
  metric: MetricVerdict;
  measurements: Measurement[];
}) {
  const { metric, measurements } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const [asTable, setAsTable] = useState(false);
  const drawn = measurements.some(
    it =>
      valueOf(it.outcome) !== undefined || valueOf(it.baseline) !== undefined,
  );
  if (measurements.length === 0) {
    return (
      <Typography variant="body2">
        {metric.metric}: {t('deployment.chart.none')}
      </Typography>
    );
  }
  const last = [...measurements]
    .reverse()
    .find(it => valueOf(it.outcome) !== undefined);
  const label = t('deployment.chart.label', {
    metric: metric.metric,
    last: formatMetric(valueOf(last?.outcome), metric.unit),
    threshold: formatLimit(t, metric, metric.unit),
    points: String(measurements.length),
  });
  const query = measurements[measurements.length - 1].query;

  return (
    <figure className={classes.figure}>
      {asTable || !drawn ? (
        <MeasurementTable metric={metric} measurements={measurements} />
      ) : (
        <Drawing label={label} metric={metric} measurements={measurements} />
      )}
      <figcaption className={classes.legend}>
        <strong>{metric.metric}</strong>
        <Key className={classes.canary}>{t('deployment.chart.canary')}</Key>
        <Key className={classes.baseline}>{t('deployment.chart.baseline')}</Key>
        <Key className={classes.threshold}>
          {t('deployment.chart.threshold')}{' '}
          {formatLimit(t, metric, metric.unit)}
        </Key>
        {drawn && (
          <Button
            size="small"
            onClick={() => setAsTable(it => !it)}
            aria-pressed={asTable}
          >
            {asTable
              ? t('deployment.chart.picture')
              : t('deployment.chart.table')}
          </Button>
        )}
      </figcaption>
      {query && (
        <Typography variant="body2" component="div">
          {t('deployment.chart.query')}: <code>{query}</code>
        </Typography>
      )}
    </figure>
  );
}

function Key(props: { className: string; children: React.ReactNode }) {
  const classes = useStyles();
  return (
    <span className={classes.key}>
      <svg width="24" height="8" aria-hidden>
        <line x1="0" y1="4" x2="24" y2="4" className={props.className} />
      </svg>
      <span>{props.children}</span>
    </span>
  );
}

function Drawing(props: {
  label: string;
  metric: MetricVerdict;
  measurements: Measurement[];
}) {
  const { metric, measurements } = props;
  const classes = useStyles();
  const lines = chartLines(measurements, metric);
  const { width, height } = CHART;
  return (
    <>
      <Typography variant="caption" component="div">
        {formatMetric(lines.highest, metric.unit)}
      </Typography>
      <svg
        role="img"
        aria-label={props.label}
        viewBox={`0 0 ${width} ${height}`}
        className={classes.svg}
        preserveAspectRatio="none"
      >
        <rect
          className={classes.frame}
          x="0.5"
          y="0.5"
          width={width - 1}
          height={height - 1}
        />
        {lines.thresholds.map(({ y, value }) => (
          <line
            key={value}
            className={classes.threshold}
            x1="0"
            x2={width}
            y1={y}
            y2={y}
          />
        ))}
        <path className={classes.baseline} d={path(lines.baseline)} />
        <path className={classes.canary} d={path(lines.canary)} />
        {lines.canary.map(({ x, y }) => (
          <path key={x} className={classes.dot} d={`M${x} ${y}h0.01`} />
        ))}
      </svg>
      <Typography variant="caption" component="div">
        {formatMetric(lines.lowest, metric.unit)} ·{' '}
        {formatClock(measurements[0].atMs)} –{' '}
        {formatClock(measurements[measurements.length - 1].atMs)}
      </Typography>
    </>
  );
}
