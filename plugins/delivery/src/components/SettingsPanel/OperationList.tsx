import Typography from '@material-ui/core/Typography';
import { TargetView } from '@slipway/backstage-plugin-delivery-common';
import { useDeliveryTranslation } from '../../translation';
import {
  INSTANCE_OPERATION,
  OperationButton,
  OperationSwitch,
} from '../Operations';

/** What the environment's connection offers besides delivery: switches and actions. */
export function OperationList(props: { target: TargetView }) {
  const { target } = props;
  const t = useDeliveryTranslation();
  const operations = target.operations.filter(
    operation => operation.id !== INSTANCE_OPERATION,
  );
  if (operations.length === 0) {
    return null;
  }
  return (
    <>
      <Typography variant="subtitle2" component="h4">
        {t('settings.operations')}
      </Typography>
      {operations.map(operation => (
        <div key={operation.id}>
          {operation.on === undefined ? (
            <OperationButton target={target} operation={operation} />
          ) : (
            <OperationSwitch target={target} operation={operation} />
          )}
          <Typography variant="body2">{operation.description}</Typography>
        </div>
      ))}
    </>
  );
}
