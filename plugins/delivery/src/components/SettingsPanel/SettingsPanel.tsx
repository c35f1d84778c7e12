import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import {
  ServiceRef,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import { targetId } from '../../model';
import { useDeliveryTranslation } from '../../translation';
import { EnvironmentChecks } from './EnvironmentChecks';
import { OperationList } from './OperationList';
import { ResolvedDefinition } from './ResolvedDefinition';
import { ToneWord } from '../Tone';

const useStyles = makeStyles((theme: Theme) => ({
  root: {
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(3),
    overflowWrap: 'anywhere',
  },
  facts: {
    display: 'grid',
    gridTemplateColumns: 'minmax(8rem, auto) 1fr',
    gap: theme.spacing(0.5, 2),
    margin: 0,
    ...theme.typography.body2,
    '& dd': { margin: 0 },
    '& dt': { fontWeight: 500 },
  },
}));

/** What the platform says of the environments, their operations, and the resolved definition. */
export function SettingsPanel(props: {
  service: ServiceRef;
  targets: TargetView[];
}) {
  const classes = useStyles();
  return (
    <div className={classes.root}>
      {props.targets.map(target => (
        <EnvironmentSettings key={targetId(target)} target={target} />
      ))}
      <ResolvedDefinition service={props.service} />
    </div>
  );
}

function EnvironmentSettings(props: { target: TargetView }) {
  const { target } = props;
  const { environment } = target;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  return (
    <section>
      <Typography variant="h6" component="h3">
        {environment.title}
      </Typography>
      {environment.notices.map(notice => (
        <Typography key={notice} variant="body2" component="div">
          <ToneWord tone="waiting">{notice}</ToneWord>
        </Typography>
      ))}
      <dl className={classes.facts}>
        <dt>{t('settings.tier')}</dt>
        <dd>{environment.tier}</dd>
        <dt>{t('settings.connection')}</dt>
        <dd>
          {environment.connection.type} / {environment.connection.name}
        </dd>
        <dt>{t('settings.automation')}</dt>
        <dd>{environment.automation ? t('common.yes') : t('common.no')}</dd>
        <dt>{t('settings.queue')}</dt>
        <dd>{t(`settings.queuePolicy.${environment.queue}`)}</dd>
        <dt>{t('settings.drift')}</dt>
        <dd>{t(`settings.driftPolicy.${environment.drift}`)}</dd>
      </dl>
      <EnvironmentChecks target={target} />
      <OperationList target={target} />
    </section>
  );
}
