import { useState } from 'react';
import { useApi } from '@backstage/core-plugin-api';
import { toError } from '@backstage/errors';
import Button from '@material-ui/core/Button';
import Dialog from '@material-ui/core/Dialog';
import DialogActions from '@material-ui/core/DialogActions';
import DialogContent from '@material-ui/core/DialogContent';
import DialogTitle from '@material-ui/core/DialogTitle';
import FormControlLabel from '@material-ui/core/FormControlLabel';
import Switch from '@material-ui/core/Switch';
import Typography from '@material-ui/core/Typography';
import Alert from '@material-ui/lab/Alert';
import {
  OperationView,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { useDeliveryTranslation } from '../../translation';
import { newKey } from '../../verbs';

/** What the environment's connection offers besides delivery: switches and actions. */
export function OperationList(props: { target: TargetView }) {
  const { target } = props;
  const t = useDeliveryTranslation();
  if (target.operations.length === 0) {
    return null;
  }
  return (
    <>
      <Typography variant="subtitle2" component="h4">
        {t('settings.operations')}
      </Typography>
      {target.operations.map(operation => (
        <Operation key={operation.id} target={target} operation={operation} />
      ))}
    </>
  );
}

function Operation(props: { target: TargetView; operation: OperationView }) {
  const { target, operation } = props;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  // A switch moves at once; the next overview tells the truth.
  const [expected, setExpected] = useState<{ on: boolean }>();
  const [sending, setSending] = useState(false);
  const [asking, setAsking] = useState(false);
  const [result, setResult] = useState<{ ok: boolean; text: string }>();
  const isSwitch = operation.on !== undefined;
  const on = expected ? expected.on : Boolean(operation.on);

  const run = async (args?: Record<string, boolean>) => {
    setAsking(false);
    setSending(true);
    setResult(undefined);
    try {
      const answer = await api.runOperation(
        target.service,
        target.environment.name,
        operation.id,
        { args, idempotencyKey: newKey() },
      );
      if (!answer.accepted) {
        setExpected(undefined);
      }
      setResult({
        ok: answer.accepted,
        text: t('settings.ran', {
          title: operation.title,
          message: answer.message,
        }),
      });
    } catch (cause) {
      setExpected(undefined);
      setResult({
        ok: false,
        text: t('verbs.failed', {
          verb: operation.title,
          message: toError(cause).message,
        }),
      });
    }
    setSending(false);
  };

  return (
    <div>
      {isSwitch ? (
        <FormControlLabel
          control={
            <Switch
              color="primary"
              checked={on}
              disabled={sending}
              onChange={(_, wanted) => {
                setExpected({ on: wanted });
                run({ on: wanted });
              }}
            />
          }
          label={operation.title}
        />
      ) : (
        <Button
          size="small"
          variant="outlined"
          disabled={sending}
          onClick={() => (operation.destructive ? setAsking(true) : run())}
        >
          {operation.title}
        </Button>
      )}
      <Typography variant="body2">{operation.description}</Typography>
      {result && (
        <Alert severity={result.ok ? 'info' : 'error'} role="status">
          {result.text}
        </Alert>
      )}
      {asking && (
        <Dialog
          open
          onClose={() => setAsking(false)}
          aria-labelledby="delivery-operation-title"
        >
          <DialogTitle id="delivery-operation-title">
            {t('verbs.dialog.title', {
              verb: operation.title,
              environment: target.environment.title,
            })}
          </DialogTitle>
          <DialogContent>
            <Typography variant="body2">{operation.description}</Typography>
          </DialogContent>
          <DialogActions>
            <Button onClick={() => setAsking(false)}>
              {t('common.cancel')}
            </Button>
            <Button color="primary" variant="contained" onClick={() => run()}>
              {t('settings.run')}
            </Button>
          </DialogActions>
        </Dialog>
      )}
    </div>
  );
}
