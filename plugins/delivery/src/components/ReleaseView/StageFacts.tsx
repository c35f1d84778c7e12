import Typography from '@material-ui/core/Typography';
import { StageState } from '@slipway/backstage-plugin-delivery-common';
import { formatBytes, shortDigest, shortSha } from '../../format';
import { DeliveryT, useDeliveryTranslation } from '../../translation';
import { ReasonFacts } from '../Reasons';

/** The facts that stages are known to find out; others are shown as they come. */
const NAMED = [
  'commit',
  'version',
  'fetcher',
  'images',
  'environments',
  'manifests',
  'digest',
  'sizeBytes',
  'reused',
  'builder',
  'findings',
  'notCovered',
  'scanner',
  'result',
  'blocking',
  'reported',
  'accepted',
  'tag',
  'uploadedBytes',
  'signed',
  'slsaBuildLevel',
  'published',
] as const;

function sayFact(
  t: DeliveryT,
  name: string,
  value: string | number | boolean,
): string {
  const known = NAMED.find(it => it === name);
  return `${known ? t(`release.facts.${known}`) : name}: ${sayValue(
    t,
    name,
    value,
  )}`;
}

function sayValue(
  t: DeliveryT,
  name: string,
  value: string | number | boolean,
): string {
  if (typeof value === 'boolean') {
    return t(value ? 'common.yes' : 'common.no');
  }
  if (typeof value === 'number') {
    return name.endsWith('Bytes') ? formatBytes(value) : String(value);
  }
  if (name === 'commit') {
    return shortSha(value);
  }
  return name === 'digest' ? shortDigest(value || undefined) : value;
}

/** What a stage found out, and why it ended as it did. */
export function StageFacts(props: {
  stage: StageState;
  /** What the page has said already, not to say it twice. */
  said?: string;
}) {
  const { facts, reason } = props.stage;
  const t = useDeliveryTranslation();
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
          {entries.map(([name, value]) => sayFact(t, name, value)).join(' · ')}
        </Typography>
      )}
    </>
  );
}
