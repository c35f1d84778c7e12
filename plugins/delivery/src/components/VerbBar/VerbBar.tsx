import { FocusEvent, useEffect, useRef, useState } from 'react';
import Button from '@material-ui/core/Button';
import { Theme, makeStyles } from '@material-ui/core/styles';
import Alert from '@material-ui/lab/Alert';
import { TargetView } from '@slipway/backstage-plugin-delivery-common';
import { useDeliveryTranslation } from '../../translation';
import { TargetVerbs, VerbState, verbLabel, verbStates } from '../../verbs';
import { ReasonedButton } from '../ReasonedButton';
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
          <ReasonedButton
            key={state.verb}
            label={t(verbLabel(state.verb, target))}
            reason={
              verbs.pending
                ? t('verbs.state.busy')
                : reasonAgainst(state, t('common.unknown'))
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

function reasonAgainst(
  { allowed, reason }: VerbState,
  unknown: string,
): string | undefined {
  return allowed ? undefined : reason ?? unknown;
}
