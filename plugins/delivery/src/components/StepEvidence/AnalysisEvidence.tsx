import Typography from '@material-ui/core/Typography';
import {
  AnalysisVerdict,
  Measurement,
} from '@slipway/backstage-plugin-delivery-common';
import { VerdictChips } from '../VerdictChips';
import { MetricChart } from './MetricChart';

/** What one analysis measured and how it judged, metric by metric. */
export function AnalysisEvidence(props: {
  verdict: AnalysisVerdict;
  measurements: Measurement[];
  /** What the page has said already, not to say it twice. */
  said?: string;
}) {
  const { verdict } = props;
  const measurements = props.measurements.filter(
    it => it.analysisId === verdict.analysisId,
  );
  return (
    <>
      {verdict.reason && verdict.reason.message !== props.said && (
        <Typography variant="body1">{verdict.reason.message}</Typography>
      )}
      <VerdictChips verdicts={[verdict]} />
      {verdict.metrics.map(metric => (
        <div key={metric.metric}>
          <MetricChart
            metric={metric}
            measurements={measurements.filter(
              it => it.metric === metric.metric,
            )}
          />
          {metric.nearestFlip && (
            <Typography variant="body2">{metric.nearestFlip}</Typography>
          )}
        </div>
      ))}
    </>
  );
}
