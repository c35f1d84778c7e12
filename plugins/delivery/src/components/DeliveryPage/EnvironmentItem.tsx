import { useId } from 'react';
import { useApi } from '@backstage/core-plugin-api';
import Button from '@material-ui/core/Button';
import Paper from '@material-ui/core/Paper';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import {
  EnvironmentView,
  deliveryEnvironmentCheckPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { useDeliveryTranslation } from '../../translation';
import { AskedChecks } from '../Checks';
import { HeadRow } from '../HeadRow';
import { ToneWord } from '../Tone';
import { EnvironmentServices } from './EnvironmentServices';

const useStyles = makeStyles((theme: Theme) => ({
  root: { padding: theme.spacing(2), overflowWrap: 'anywhere' },
  facts: {
    display: 'grid',
    gridTemplateColumns: 'minmax(6rem, auto) 1fr',
    gap: theme.spacing(0.5, 2),
    margin: theme.spacing(1, 0),
    ...theme.typography.body2,
    '& dd': { margin: 0, minWidth: 0 },
    '& dt': { fontWeight: 500 },
  },
}));

/** One environment: where it is, who is there, and its check. */
export function EnvironmentItem(props: {
  base: string;
  environment: EnvironmentView;
  /** How often the check was asked for. */
  asked: number;
  onAsk: () => void;
}) {
  const { base, environment, asked, onAsk } = props;
  const { name, title, tier, connection, notices } = environment;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const titleId = useId();
  const verb = t(asked ? 'environments.checkAgain' : 'environments.check');
  return (
    <Paper
      component="section"
      variant="outlined"
      className={classes.root}
      aria-labelledby={titleId}
    >
      <HeadRow>
        <Typography variant="h6" component="h3" id={titleId}>
          {title}
        </Typography>
        <Button
          size="small"
          variant="outlined"
          aria-label={t('environments.checkOf', { verb, environment: title })}
          onClick={onAsk}
        >
          {verb}
        </Button>
      </HeadRow>
      <dl className={classes.facts}>
        <dt>{t('settings.tier')}</dt>
        <dd>{tier}</dd>
        <dt>{t('settings.connection')}</dt>
        <dd>
          {connection.type} / {connection.name}
        </dd>
        <dt>{t('environments.services')}</dt>
        <dd>
          <EnvironmentServices base={base} environment={environment} />
        </dd>
      </dl>
      {notices.map(notice => (
        <Typography key={notice} variant="body2" component="div">
          <ToneWord tone="waiting">{notice}</ToneWord>
        </Typography>
      ))}
      {asked > 0 && (
        <AskedChecks
          key={asked}
          id={`environment-checks:${name}:${asked}`}
          environment={title}
          load={() => api.getEnvironmentChecks(name)}
          permission={deliveryEnvironmentCheckPermission.name}
        />
      )}
    </Paper>
  );
}
