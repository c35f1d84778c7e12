import { FormEvent, useState } from 'react';
import { useNavigate } from 'react-router-dom';
import { useAnalytics, useApi } from '@backstage/core-plugin-api';
import { toError } from '@backstage/errors';
import Button from '@material-ui/core/Button';
import Dialog from '@material-ui/core/Dialog';
import DialogActions from '@material-ui/core/DialogActions';
import DialogContent from '@material-ui/core/DialogContent';
import DialogTitle from '@material-ui/core/DialogTitle';
import TextField from '@material-ui/core/TextField';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import Alert from '@material-ui/lab/Alert';
import {
  ServiceSummary,
  deliveryServiceReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { shortSha } from '../../format';
import { useResource } from '../../hooks';
import { useDeliveryTranslation } from '../../translation';
import { newKey } from '../../verbs';
import { useTabPaths } from '../DeliveryTab/TabPaths';
import { PartState } from '../PartState';
import { CommitChoice } from './CommitChoice';

const useStyles = makeStyles((theme: Theme) => ({
  field: { marginTop: theme.spacing(2) },
}));

/** Chooses the commit that becomes a release. */
export function ReleaseDialog(props: {
  service: ServiceSummary;
  onClose: () => void;
}) {
  const { service, onClose } = props;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const navigate = useNavigate();
  const analytics = useAnalytics();
  const paths = useTabPaths();
  const [sha, setSha] = useState('');
  const [other, setOther] = useState('');
  const [reason, setReason] = useState('');
  const [key] = useState(newKey);
  const [sending, setSending] = useState(false);
  const [failure, setFailure] = useState<string>();
  const commits = useResource(
    `commits:${service.ref}`,
    () => api.getCommits(service.ref, { limit: 20 }),
    {
      affectedBy: event =>
        event.service === service.ref && event.kind === 'release',
    },
  );
  const commit = other.trim() || sha;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setSending(true);
    setFailure(undefined);
    try {
      const release = await api.createRelease(service.ref, {
        commit,
        reason: reason.trim() || undefined,
        // One key for each commit: sending the same again makes no second release.
        idempotencyKey: `${key}-${commit}`,
      });
      analytics.captureEvent('release', service.ref);
      onClose();
      navigate(paths.release(release.id));
    } catch (cause) {
      setFailure(toError(cause).message);
      setSending(false);
    }
  };

  return (
    <Dialog
      open
      onClose={onClose}
      fullWidth
      maxWidth="md"
      aria-labelledby="delivery-release-title"
    >
      <form onSubmit={submit}>
        <DialogTitle id="delivery-release-title">
          {t('releaseDialog.title', { service: service.title })}
        </DialogTitle>
        <DialogContent>
          <Typography variant="body2" paragraph>
            {t('releaseDialog.intro')}
          </Typography>
          <PartState
            resource={commits}
            what={t('releaseDialog.commitsPart')}
            permission={deliveryServiceReadPermission.name}
          >
            {list => (
              <CommitChoice
                commits={list}
                value={other.trim() ? '' : sha}
                onChange={value => {
                  setSha(value);
                  setOther('');
                }}
              />
            )}
          </PartState>
          <TextField
            id="delivery-release-other"
            className={classes.field}
            label={t('releaseDialog.other')}
            value={other}
            onChange={event => setOther(event.target.value)}
            fullWidth
            inputProps={{ maxLength: 200, spellCheck: false }}
          />
          <TextField
            id="delivery-release-reason"
            className={classes.field}
            label={t('releaseDialog.reason')}
            value={reason}
            onChange={event => setReason(event.target.value)}
            fullWidth
            inputProps={{ maxLength: 1000 }}
          />
          {failure && (
            <Alert severity="error" className={classes.field}>
              {failure}
            </Alert>
          )}
        </DialogContent>
        <DialogActions>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            type="submit"
            variant="contained"
            color="primary"
            disabled={!commit || sending}
          >
            {t('releaseDialog.confirm', {
              commit: other.trim() || (sha ? shortSha(sha) : '…'),
            })}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
