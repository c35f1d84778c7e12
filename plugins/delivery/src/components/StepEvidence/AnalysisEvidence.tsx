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
  said?: Array<string | undefined>;
}) {
  const { verdict, said = [] } = props;
  // The chips say of a pass all there is to say.
  const reason = verdict.verdict === 'pass' ? undefined : verdict.reason;
  const measurements = props.measurements.filter(
    it => it.analysisId === verdict.analysisId,
  );
  return (
    <>
      {reason && !said.includes(reason.message) && (
        <Typography variant="body1">{reason.message}</Typography>
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
