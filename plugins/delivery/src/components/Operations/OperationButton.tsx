import { useId, useState } from 'react';
import Button from '@material-ui/core/Button';
import Dialog from '@material-ui/core/Dialog';
import DialogActions from '@material-ui/core/DialogActions';
import DialogContent from '@material-ui/core/DialogContent';
import DialogTitle from '@material-ui/core/DialogTitle';
import TextField from '@material-ui/core/TextField';
import Typography from '@material-ui/core/Typography';
import {
  OperationView,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import { useDeliveryTranslation } from '../../translation';
import { OperationResult } from './OperationResult';
import { OperationArgs, useOperation } from './useOperation';

/** An operation that is done once; one that destroys something asks first. */
export function OperationButton(props: {
  target: TargetView;
  operation: OperationView;
  args?: OperationArgs;
  /** What it is done to, when that is not the environment. */
  subject?: string;
}) {
  const { target, operation, args, subject } = props;
  const t = useDeliveryTranslation();
  const titleId = useId();
  const { sending, result, run } = useOperation(target, operation);
  const [asking, setAsking] = useState(false);
  const [reason, setReason] = useState('');
  return (
    <>
      <Button
        size="small"
        variant="outlined"
        disabled={sending}
        aria-label={subject && `${operation.title}: ${subject}`}
        onClick={() => (operation.destructive ? setAsking(true) : run(args))}
      >
        {operation.title}
      </Button>
      <OperationResult result={result} />
      {asking && (
        <Dialog
          open
          fullWidth
          onClose={() => setAsking(false)}
          aria-labelledby={titleId}
        >
          <form
            onSubmit={event => {
              event.preventDefault();
              setAsking(false);
              run(args, reason.trim());
            }}
          >
            <DialogTitle id={titleId}>
              {t('verbs.dialog.title', {
                verb: operation.title,
                environment: target.environment.title,
              })}
            </DialogTitle>
            <DialogContent>
              {subject && <Typography variant="body1">{subject}</Typography>}
              <Typography variant="body2">{operation.description}</Typography>
              <TextField
                id={`${titleId}-reason`}
                label={t('common.reason')}
                value={reason}
                onChange={event => setReason(event.target.value)}
                fullWidth
                inputProps={{ maxLength: 1000 }}
              />
            </DialogContent>
            <DialogActions>
              <Button onClick={() => setAsking(false)}>
                {t('common.cancel')}
              </Button>
              <Button type="submit" color="primary" variant="contained">
                {t('settings.run')}
              </Button>
            </DialogActions>
          </form>
        </Dialog>
      )}
    </>
  );
}
