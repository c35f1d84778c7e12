import { FocusEvent, useEffect, useRef, useState } from 'react';
import Button from '@material-ui/core/Button';
import Tooltip from '@material-ui/core/Tooltip';
import { Theme, makeStyles } from '@material-ui/core/styles';
import Alert from '@material-ui/lab/Alert';
import { TargetView } from '@slipway/backstage-plugin-delivery-common';
import { useDeliveryTranslation } from '../../translation';
import { TargetVerbs, VerbState, verbStates } from '../../verbs';
import { ToneWord } from '../Tone';
import { VerbDialog } from './VerbDialog';

const useStyles = makeStyles((theme: Theme) => ({
  root: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(1),
    outline: 'none',
  },
  message: { marginTop: theme.spacing(1), overflowWrap: 'anywhere' },
}));

const useButtonStyles = makeStyles((theme: Theme) => ({
  disabled: {
    color: theme.palette.text.secondary,
    borderStyle: 'dashed',
    cursor: 'not-allowed',
  },
}));

/** The verbs of a target: those that cannot be used say why. */
export function VerbBar(props: { target: TargetView; verbs: TargetVerbs }) {
  const { target, verbs } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const [open, setOpen] = useState<VerbState>();
  const group = useRef<HTMLDivElement>(null);
  const [confirmed, setConfirmed] = useState(false);

  // What a verb does may take its own button away: whoever uses the keyboard
  // goes on here, and not at the top of the page.
  useEffect(() => {
    const { activeElement } = document;
    const isLost = !activeElement || activeElement === document.body;
    if (confirmed && !open && isLost) {
      group.current?.focus();
    }
  });
  const onBlur = ({ currentTarget, relatedTarget }: FocusEvent) => {
    if (relatedTarget && !currentTarget.contains(relatedTarget)) {
      setConfirmed(false);
    }
  };

  return (
    <div onBlur={onBlur}>
      <div
        ref={group}
        tabIndex={-1}
        className={classes.root}
        role="group"
        aria-label={t('verbs.group', { environment: target.environment.title })}
      >
        {verbStates(target, t).map(state => (
          <VerbButton
            key={state.verb}
            state={
              verbs.pending
                ? { ...state, allowed: false, reason: t('verbs.state.busy') }
                : state
            }
            onClick={() => setOpen(state)}
          />
        ))}
      </div>
      <div role="status">
        {verbs.pending && (
          <ToneWord tone="moving">
            {t(`verbs.pending.${verbs.pending}`)}
          </ToneWord>
        )}
      </div>
      {verbs.failure && (
        <Alert
          severity="error"
          className={classes.message}
          onClose={verbs.dismiss}
          closeText={t('common.close')}
          action={
            verbs.failure.again && (
              <Button
                color="inherit"
                size="small"
                onClick={verbs.failure.again}
              >
                {t('common.retry')}
              </Button>
            )
          }
        >
          {verbs.failure.message}
        </Alert>
      )}
      {verbs.answer && (
        <Alert
          severity="info"
          role="status"
          className={classes.message}
          onClose={verbs.dismiss}
          closeText={t('common.close')}
        >
          {verbs.answer}
        </Alert>
      )}
      {open && (
        <VerbDialog
          target={target}
          state={open}
          onClose={() => setOpen(undefined)}
          onConfirm={input => {
            setOpen(undefined);
            setConfirmed(true);
            verbs.run(input);
          }}
        />
      )}
    </div>
  );
}

/**
 * A verb that cannot be used stays focusable (`aria-disabled`, not
 * `disabled`), so that its reason can be reached by keyboard and heard.
 */
function VerbButton(props: { state: VerbState; onClick: () => void }) {
  const { state, onClick } = props;
  const t = useDeliveryTranslation();
  const classes = useButtonStyles();
  const label = t(`verbs.label.${state.verb}`);
  const button = (
    <Button
      size="small"
      variant="outlined"
      aria-disabled={!state.allowed}
      aria-label={
        state.allowed || !state.reason
          ? undefined
          : t('verbs.disabled', { verb: label, reason: state.reason })
      }
      className={state.allowed ? undefined : classes.disabled}
      disableRipple={!state.allowed}
      onClick={state.allowed ? onClick : undefined}
    >
      {label}
    </Button>
  );
  // Without a text there is no tooltip; the button stays the same one.
  return (
    <Tooltip title={(!state.allowed && state.reason) || ''}>{button}</Tooltip>
  );
}
