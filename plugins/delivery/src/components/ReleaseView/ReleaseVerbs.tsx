import { FormEvent, useState } from 'react';
import { useApi } from '@backstage/core-plugin-api';
import { toError } from '@backstage/errors';
import Button from '@material-ui/core/Button';
import Dialog from '@material-ui/core/Dialog';
import DialogActions from '@material-ui/core/DialogActions';
import DialogContent from '@material-ui/core/DialogContent';
import DialogTitle from '@material-ui/core/DialogTitle';
import TextField from '@material-ui/core/TextField';
import Tooltip from '@material-ui/core/Tooltip';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import Alert from '@material-ui/lab/Alert';
import {
  Release,
  ReleaseDetail,
  ReleaseVerb,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { useDeliveryTranslation } from '../../translation';
import { newKey } from '../../verbs';

const useStyles = makeStyles((theme: Theme) => ({
  row: { display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1) },
}));

/** Which verb means something for a release now. */
function verbsOf(release: Release): ReleaseVerb[] {
  if (release.status === 'queued' || release.status === 'running') {
    return ['cancel'];
  }
  return release.status === 'ready' ? [] : ['retry'];
}

/** Cancel a release that is being made, or try a failed one again. */
export function ReleaseVerbs(props: {
  detail: ReleaseDetail;
  reload: () => Promise<void>;
}) {
  const { detail, reload } = props;
  const { release } = detail;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const [open, setOpen] = useState<ReleaseVerb>();
  const [reason, setReason] = useState('');
  const [sending, setSending] = useState(false);
  const [failure, setFailure] = useState<string>();

  const submit = async (event: FormEvent, verb: ReleaseVerb) => {
    event.preventDefault();
    setOpen(undefined);
    setSending(true);
    setFailure(undefined);
    const label = t(`release.verbs.${verb}`);
    try {
      const answer = await api.commandRelease(release.id, verb, {
        reason: reason.trim() || undefined,
        idempotencyKey: newKey(),
      });
      if (!answer.accepted) {
        setFailure(
          t('verbs.refused', { verb: label, message: answer.message }),
        );
      }
    } catch (cause) {
      setFailure(
        t('verbs.failed', { verb: label, message: toError(cause).message }),
      );
    }
    await reload();
    setSending(false);
  };

  return (
    <div className={classes.row}>
      {verbsOf(release).map(verb => {
        const said = detail.verbs[verb];
        const reasonWhyNot = sending
          ? t('verbs.state.busy')
          : said?.allowed === false && said.reason;
        const button = (
          <Button
            key={verb}
            size="small"
            variant="outlined"
            aria-disabled={Boolean(reasonWhyNot)}
            onClick={reasonWhyNot ? undefined : () => setOpen(verb)}
          >
            {t(`release.verbs.${verb}`)}
          </Button>
        );
        return reasonWhyNot ? (
          <Tooltip key={verb} title={reasonWhyNot}>
            {button}
          </Tooltip>
        ) : (
          button
        );
      })}
      {failure && <Alert severity="error">{failure}</Alert>}
      {open && (
        <Dialog
          open
          fullWidth
          onClose={() => setOpen(undefined)}
          aria-labelledby="delivery-release-verb"
        >
          <form onSubmit={event => submit(event, open)}>
            <DialogTitle id="delivery-release-verb">
              {t(`release.verbs.${open}`)}
            </DialogTitle>
            <DialogContent>
              <Typography variant="body2">
                {t(`release.will.${open}`, { version: release.version })}
              </Typography>
              <TextField
                id="delivery-release-verb-reason"
                label={t('common.reason')}
                value={reason}
                onChange={event => setReason(event.target.value)}
                fullWidth
                inputProps={{ maxLength: 1000 }}
              />
            </DialogContent>
            <DialogActions>
              <Button onClick={() => setOpen(undefined)}>
                {t('common.close')}
              </Button>
              <Button type="submit" color="primary" variant="contained">
                {t(`release.verbs.${open}`)}
              </Button>
            </DialogActions>
          </form>
        </Dialog>
      )}
    </div>
  );
}
