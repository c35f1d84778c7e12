import { FormEvent, useId, useState } from 'react';
import Button from '@material-ui/core/Button';
import Dialog from '@material-ui/core/Dialog';
import DialogActions from '@material-ui/core/DialogActions';
import DialogContent from '@material-ui/core/DialogContent';
import DialogTitle from '@material-ui/core/DialogTitle';
import TextField from '@material-ui/core/TextField';
import Typography from '@material-ui/core/Typography';
import {
  OperationArgument,
  OperationView,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import { useDeliveryTranslation } from '../../translation';
import { OperationArgs } from './useOperation';

/** The number that a text means, where it is one that may be asked for. */
function readNumber(
  text: string,
  { min = -Infinity, max = Infinity }: OperationArgument,
): number | undefined {
  const value = Number(text);
  return text.trim() !== '' &&
    Number.isInteger(value) &&
    value >= min &&
    value <= max
    ? value
    : undefined;
}

/** Says what an operation will do, and asks for what it must be told. */
export function OperationDialog(props: {
  target: TargetView;
  operation: OperationView;
  /** What it is done to, when that is not the environment. */
  subject?: string;
  onConfirm: (asked: OperationArgs, reason: string) => void;
  onClose: () => void;
}) {
  const { target, operation, subject, onConfirm, onClose } = props;
  const wanted = operation.arguments ?? [];
  const t = useDeliveryTranslation();
  const titleId = useId();
  const [reason, setReason] = useState('');
  const [texts, setTexts] = useState<Record<string, string>>(
    Object.fromEntries(
      wanted.map(({ name, current }) => [name, String(current ?? '')]),
    ),
  );
  const values = wanted.map(argument => ({
    argument,
    value: readNumber(texts[argument.name] ?? '', argument),
  }));
  const asks = values.length > 0;
  const ready = values.every(({ value }) => value !== undefined);
  // Asking for what is there already does nothing.
  const changes =
    !asks || values.some(({ argument, value }) => value !== argument.current);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const asked = values.flatMap(({ argument: { name }, value }) =>
      value === undefined ? [] : [[name, value] as const],
    );
    if (ready && changes) {
      onConfirm(Object.fromEntries(asked), reason.trim());
    }
  };

  return (
    <Dialog open fullWidth onClose={onClose} aria-labelledby={titleId}>
      <form onSubmit={submit} noValidate>
        <DialogTitle id={titleId}>
          {t('verbs.dialog.title', {
            verb: operation.title,
            environment: target.environment.title,
          })}
        </DialogTitle>
        <DialogContent>
          {subject && <Typography variant="body1">{subject}</Typography>}
          <Typography variant="body2">{operation.description}</Typography>
          {values.map(({ argument, value }) => (
            <TextField
              key={argument.name}
              id={`${titleId}-${argument.name}`}
              label={argument.title}
              type="number"
              required
              margin="normal"
              value={texts[argument.name] ?? ''}
              error={value === undefined}
              helperText={t('settings.argument', {
                min: String(argument.min ?? '–'),
                max: String(argument.max ?? '–'),
                current: String(argument.current ?? '–'),
              })}
              inputProps={{ min: argument.min, max: argument.max, step: 1 }}
              onChange={event =>
                setTexts(before => ({
                  ...before,
                  [argument.name]: event.target.value,
                }))
              }
            />
          ))}
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
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            type="submit"
            color="primary"
            variant="contained"
            disabled={!ready || !changes}
          >
            {asks
              ? t('verbs.dialog.confirm', { verb: operation.title })
              : t('settings.run')}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
