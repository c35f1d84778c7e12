import Typography from '@material-ui/core/Typography';
import {
  Observed,
  TargetView,
  isKnown,
} from '@slipway/backstage-plugin-delivery-common';
import { causesOf } from '../../model';
import { useDeliveryTranslation } from '../../translation';
import { CauseList } from '../Causes';
import { RelativeTime } from '../RelativeTime';
import { ToneWord } from '../Tone';
import { GivingBack } from './GivingBack';

/** What is wrong or not known in this environment, each with its word. */
export function Warnings(props: { target: TargetView }) {
  const { target } = props;
  const t = useDeliveryTranslation();
  const causes = causesOf(target);
  // Some connections tell it of each instance, with who did it.
  const saysDigests = causes.some(({ code }) => code === 'image-mismatch');
  const said = new Set(causes.map(({ summary }) => summary));
  // While the instances are unknown, their reason says it for all.
  const unseen =
    isKnown(target.workloads) && target.causes && !isKnown(target.causes)
      ? target.causes
      : undefined;
  return (
    <>
      {target.givingBack && <GivingBack giveBack={target.givingBack} />}
      {!isKnown(target.workloads) && (
        <Unknown
          text={t('pipeline.box.workloadsUnknown', {
            reason: target.workloads.unknown,
          })}
          observed={target.workloads}
        />
      )}
      {!isKnown(target.traffic) && (
        <Unknown
          text={t('pipeline.box.trafficUnknown', {
            reason: target.traffic.unknown,
          })}
          observed={target.traffic}
        />
      )}
      {unseen && (
        <Unknown
          text={t('causes.unknown', { reason: unseen.unknown })}
          observed={unseen}
        />
      )}
      {target.health.causes
        .filter(cause => !said.has(cause))
        .map(cause => (
          <Typography key={cause} variant="body2" component="div">
            <ToneWord
              tone={target.health.status === 'degraded' ? 'broken' : 'unknown'}
            >
              {cause}
            </ToneWord>
          </Typography>
        ))}
      <CauseList compact causes={causes} />
      {target.drift.instances.length > 0 && !saysDigests && (
        <Typography variant="body2" component="div">
          <ToneWord tone="broken">
            {t('pipeline.box.drift', { count: target.drift.instances.length })}
          </ToneWord>
        </Typography>
      )}
    </>
  );
}

function Unknown<T>(props: { text: string; observed: Observed<T> }) {
  const { observed } = props;
  return (
    <Typography variant="body2" component="div">
      <ToneWord tone="unknown">{props.text}</ToneWord>
      {!isKnown(observed) && (
        <>
          {' '}
          · <RelativeTime atMs={observed.sinceMs} />
        </>
      )}
    </Typography>
  );
}
