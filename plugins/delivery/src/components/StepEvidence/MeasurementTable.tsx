import {
  Measurement,
  MeasurementOutcome,
  MetricVerdict,
} from '@slipway/backstage-plugin-delivery-common';
import { DASH, formatClock, formatMetric } from '../../format';
import { verdictTone } from '../../theme';
import { DeliveryT, useDeliveryTranslation } from '../../translation';
import { DataTable } from '../DataTable';
import { ToneWord } from '../Tone';

function outcomeText(
  t: DeliveryT,
  outcome: MeasurementOutcome | undefined,
  unit: MetricVerdict['unit'],
): string {
  if (!outcome) {
    return DASH;
  }
  if (outcome.type === 'value') {
    return formatMetric(outcome.value, unit);
  }
  return outcome.type === 'no-data'
    ? t('deployment.chart.noData')
    : t('deployment.chart.error', { message: outcome.message });
}

/** The same as the chart, to read. */
export function MeasurementTable(props: {
  metric: MetricVerdict;
  measurements: Measurement[];
}) {
  const { metric } = props;
  const t = useDeliveryTranslation();
  return (
    <DataTable<Measurement>
      caption={metric.metric}
      rows={props.measurements}
      rowKey={row => `${row.analysisId}/${row.metric}/${row.atMs}`}
      columns={[
        {
          title: t('deployment.chart.time'),
          render: row => formatClock(row.atMs),
        },
        {
          title: t('deployment.chart.canary'),
          render: row => outcomeText(t, row.outcome, metric.unit),
        },
        {
          title: t('deployment.chart.baseline'),
          render: row => outcomeText(t, row.baseline, metric.unit),
        },
        {
          title: t('deployment.chart.samples'),
          render: row =>
            row.outcome.type === 'value' ? row.outcome.samples : DASH,
        },
        {
          title: t('deployment.chart.verdict'),
          render: row => (
            <ToneWord tone={verdictTone(row.verdict)}>
              {t(`words.verdict.${row.verdict}`)}
            </ToneWord>
          ),
        },
      ]}
    />
  );
}
