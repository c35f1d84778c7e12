import { FormEvent, useState } from 'react';
import { useApi } from '@backstage/core-plugin-api';
import Button from '@material-ui/core/Button';
import Dialog from '@material-ui/core/Dialog';
import DialogActions from '@material-ui/core/DialogActions';
import DialogContent from '@material-ui/core/DialogContent';
import DialogTitle from '@material-ui/core/DialogTitle';
import TextField from '@material-ui/core/TextField';
import Typography from '@material-ui/core/Typography';
import {
  Release,
  TargetView,
  deliveryServiceReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { useResource } from '../../hooks';
import { useDeliveryTranslation } from '../../translation';
import {
  VerbInput,
  VerbState,
  choosesRelease,
  describeVerb,
  verbLabel,
  wantsReason,
} from '../../verbs';
import { PartState } from '../PartState';
import { NotRestorable } from './NotRestorable';
import { PlanChanges } from './PlanChanges';
import { ReleaseChoice } from './ReleaseChoice';

/** How far back the choice of releases looks. */
const CHOICE = 100;

/** Says exactly what a verb will do, and asks why. */
export function VerbDialog(props: {
  target: TargetView;
  state: VerbState;
  onConfirm: (input: VerbInput) => void;
  onClose: () => void;
}) {
  const { target, state, onConfirm, onClose } = props;
  const { verb } = state;
  const t = useDeliveryTranslation();
  const [reason, setReason] = useState('');
  const [chosen, setChosen] = useState<Release>();
  const label = t(verbLabel(verb, target)).replace('…', '');
  const titleId = `delivery-verb-${verb}`;
  const ready =
    (!wantsReason(verb) || reason.trim() !== '') &&
    (!choosesRelease(verb) || chosen !== undefined);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready) {
      onConfirm({
        verb,
        reason: reason.trim(),
        releaseId: chosen?.id,
        deployment: state.deployment,
      });
    }
  };

  return (
    <Dialog open onClose={onClose} fullWidth aria-labelledby={titleId}>
      <form onSubmit={submit}>
        <DialogTitle id={titleId}>
          {t('verbs.dialog.title', {
            verb: label,
            environment: target.environment.title,
          })}
        </DialogTitle>
        <DialogContent>
          {choosesRelease(verb) && (
            <ReadyReleases
              target={target}
              chosen={chosen}
              onChoose={setChosen}
              back={verb === 'rollback'}
            />
          )}
          {verb === 'rollback' && chosen && (
            <NotRestorable target={target} release={chosen} />
          )}
          {verb === 'deploy' && chosen && (
            <PlanChanges target={target} release={chosen} />
          )}
          {(!choosesRelease(verb) || chosen) && (
            <>
              <Typography variant="subtitle2" component="p">
                {t('verbs.dialog.will')}
              </Typography>
              <ul>
                {describeVerb(verb, target, t, chosen).map(line => (
                  <li key={line}>
                    <Typography variant="body2">{line}</Typography>
                  </li>
                ))}
              </ul>
            </>
          )}
          <TextField
            id={`${titleId}-reason`}
            label={t('verbs.dialog.reason')}
            helperText={t('verbs.dialog.reasonHelp')}
            required={wantsReason(verb)}
            value={reason}
            onChange={event => setReason(event.target.value)}
            fullWidth
            multiline
            maxRows={4}
            inputProps={{ maxLength: 1000 }}
          />
        </DialogContent>
        <DialogActions>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            type="submit"
            color="primary"
            variant="contained"
            disabled={!ready}
          >
            {t('verbs.dialog.confirm', { verb: label })}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

function ReadyReleases(props: {
  target: TargetView;
  chosen?: Release;
  onChoose: (release: Release) => void;
  /** Only what has run here before can be gone back to, whole. */
  back: boolean;
}) {
  const { target, back } = props;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const { service, environment } = target;
  const resource = useResource(
    `choice:${service}@${environment.name}:${back}`,
    async () => {
      const [releases, deployments] = await Promise.all([
        api.getReleases({ service, limit: CHOICE }),
        back
          ? api.getDeployments({
              service,
              environment: environment.name,
              limit: CHOICE,
            })
          : undefined,
      ]);
      const ran = new Set(
        deployments?.items
          .filter(it => it.status === 'succeeded')
          .map(it => it.releaseId),
      );
      return releases.items.filter(
        release =>
          release.status === 'ready' &&
          (!back ||
            (ran.has(release.id) && release.id !== target.stable?.releaseId)),
      );
    },
  );
  return (
    <PartState
      resource={resource}
      what={t('lists.releases')}
      permission={deliveryServiceReadPermission.name}
    >
      {releases => (
        <ReleaseChoice
          releases={releases}
          none={t(back ? 'verbs.dialog.nothingRan' : 'verbs.dialog.noReleases')}
          currentId={target.stable?.releaseId}
          chosen={props.chosen}
          onChoose={props.onChoose}
        />
      )}
    </PartState>
  );
}
