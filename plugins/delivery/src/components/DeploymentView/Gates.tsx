import Typography from '@material-ui/core/Typography';
import { GateState } from '@slipway/backstage-plugin-delivery-common';
import { formatExact } from '../../format';
import { useDeliveryTranslation } from '../../translation';
import { ToneWord } from '../Tone';

/** The conditions before the deployment may start. */
export function Gates(props: { gates: GateState[] }) {
  const t = useDeliveryTranslation();
  if (props.gates.length === 0) {
    return null;
  }
  return (
    <section>
      <Typography variant="subtitle1" component="h3">
        {t('deployment.waitingFor')}
      </Typography>
      <ul>
        {props.gates.map(gate => (
          <li key={`${gate.gate}:${gate.message}`}>
            <ToneWord tone={gate.open ? 'neutral' : 'waiting'}>
              {gate.message} (
              {gate.open
                ? t('deployment.gateOpen')
                : t('deployment.gateClosed')}
              )
            </ToneWord>
            {gate.untilMs !== undefined &&
              ` · ${t('deployment.until', {
                until: formatExact(gate.untilMs),
              })}`}
          </li>
        ))}
      </ul>
    </section>
  );
}
