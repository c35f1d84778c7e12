import Typography from '@material-ui/core/Typography';
import { StageState } from '@slipway/backstage-plugin-delivery-common';
import { ReasonFacts } from '../Reasons';

/** What a stage found out, and why it ended as it did. */
export function StageFacts(props: {
  stage: StageState;
  /** What the page has said already, not to say it twice. */
  said?: string;
}) {
  const { facts, reason } = props.stage;
  const entries = Object.entries(facts ?? {});
  return (
    <>
      {reason && reason.message !== props.said && (
        <>
          <Typography variant="body1">{reason.message}</Typography>
          <ReasonFacts reason={reason} />
        </>
      )}
      {entries.length > 0 && (
        <Typography variant="body2">
          {entries.map(([name, value]) => `${name}: ${value}`).join(' · ')}
        </Typography>
      )}
    </>
  );
}
