import { useState } from 'react';
import { CodeSnippet } from '@backstage/core-components';
import { useApi } from '@backstage/core-plugin-api';
import Button from '@material-ui/core/Button';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import {
  ConnectionCheck,
  TargetView,
  deliveryOperatePermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { useResource } from '../../hooks';
import { targetId } from '../../model';
import { Tone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { PartState } from '../PartState';
import { ToneWord } from '../Tone';

const TONES: Record<ConnectionCheck['status'], Tone> = {
  ok: 'neutral',
  limited: 'waiting',
  missing: 'broken',
};

const useStyles = makeStyles((theme: Theme) => ({
  list: { listStyle: 'none', margin: theme.spacing(1, 0), padding: 0 },
  message: { whiteSpace: 'pre-line' },
}));

/**
 * What the environment lacks for this service, and how to give it. It asks the
 * environment itself, so only when somebody wants to know.
 */
export function EnvironmentChecks(props: { target: TargetView }) {
  const [asked, setAsked] = useState(0);
  const t = useDeliveryTranslation();
  return (
    <>
      <Button
        size="small"
        variant="outlined"
        onClick={() => setAsked(count => count + 1)}
      >
        {t('settings.check')}
      </Button>
      {asked > 0 && <CheckList key={asked} {...props} asked={asked} />}
    </>
  );
}

function CheckList(props: { target: TargetView; asked: number }) {
  const { target, asked } = props;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const resource = useResource<ConnectionCheck[]>(
    `checks:${targetId(target)}:${asked}`,
    () => api.getChecks(target.service, target.environment.name),
    { affectedBy: () => false },
  );
  return (
    <PartState
      resource={resource}
      what={t('lists.checks')}
      permission={deliveryOperatePermission.name}
    >
      {checks =>
        checks.length === 0 ? (
          <Typography variant="body2">{t('settings.noChecks')}</Typography>
        ) : (
          <ul className={classes.list}>
            {checks.map(check => (
              <li key={check.id}>
                <ToneWord tone={TONES[check.status]}>
                  {`${check.title}: ${t(`settings.checked.${check.status}`)}`}
                </ToneWord>
                <Typography variant="body2" className={classes.message}>
                  {check.message}
                </Typography>
                {check.fix && (
                  <CodeSnippet
                    text={check.fix}
                    language="bash"
                    showCopyCodeButton
                  />
                )}
              </li>
            ))}
          </ul>
        )
      }
    </PartState>
  );
}
