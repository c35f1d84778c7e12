import { InfoCard } from '@backstage/core-components';
import { useEntity } from '@backstage/plugin-catalog-react';
import Typography from '@material-ui/core/Typography';
import { Theme, makeStyles } from '@material-ui/core/styles';
import {
  ServiceRef,
  TargetView,
  deliveryTargetReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { serviceRefOf } from '../../annotation';
import { formatActor, shortSha } from '../../format';
import { useServicePath } from '../../hooks';
import { activeDeployment, causesOf, targetId } from '../../model';
import { deploymentTone, healthTone, releaseTone } from '../../theme';
import { DeliveryT, useDeliveryTranslation } from '../../translation';
import { CauseList } from '../Causes';
import { useOverview } from '../DeliveryTab';
import { PartState } from '../PartState';
import { RelativeTime } from '../RelativeTime';
import { ServiceLink } from '../ServiceLink';
import { ToneWord } from '../Tone';

const useStyles = makeStyles((theme: Theme) => ({
  list: { listStyle: 'none', margin: 0, padding: 0 },
  item: {
    padding: theme.spacing(1, 0),
    overflowWrap: 'anywhere',
    '&:not(:last-child)': {
      borderBottom: `1px solid ${theme.palette.divider}`,
    },
  },
  head: {
    display: 'flex',
    flexWrap: 'wrap',
    justifyContent: 'space-between',
    gap: theme.spacing(0, 1),
  },
}));

/** Whether the service is all right, and what runs where. */
export function EntityDeliveryCard() {
  const { entity } = useEntity();
  const service = serviceRefOf(entity);
  const t = useDeliveryTranslation();
  const link = useServicePath()(service);
  return (
    <InfoCard
      title={t('pipeline.card.title')}
      deepLink={link ? { title: t('pipeline.card.open'), link } : undefined}
    >
      <CardBody service={service} />
    </InfoCard>
  );
}

function CardBody(props: { service: ServiceRef }) {
  const { service } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const overview = useOverview(service);
  return (
    <PartState
      resource={overview}
      what={t('lists.overview')}
      permission={deliveryTargetReadPermission.name}
    >
      {value => (
        <ul className={classes.list}>
          {value.releases
            .filter(it => it.status === 'running' || it.status === 'queued')
            .map(release => (
              <li key={release.id} className={classes.item}>
                <ToneWord tone={releaseTone(release.status)}>
                  {t('pipeline.card.releasing', {
                    version: release.version,
                    status: t(`words.release.${release.status}`),
                  })}
                </ToneWord>
              </li>
            ))}
          {value.targets.length === 0 && <li>{t('pipeline.empty.title')}</li>}
          {value.targets.map(target => (
            <li key={targetId(target)} className={classes.item}>
              <CardTarget target={target} />
            </li>
          ))}
        </ul>
      )}
    </PartState>
  );
}

function CardTarget(props: { target: TargetView }) {
  const { target } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const active = activeDeployment(target);
  const shown = active ?? target.last;
  return (
    <>
      <div className={classes.head}>
        <Typography variant="subtitle2" component="h3">
          {target.environment.title}
        </Typography>
        <ToneWord tone={healthTone(target.health.status)}>
          {target.givenBack && !active
            ? t('pipeline.box.givenBackWord')
            : t(`words.health.${target.health.status}`)}
        </ToneWord>
      </div>
      <Typography variant="body2">
        {target.stable ? (
          <>
            {target.stable.version} · {shortSha(target.stable.commitSha)}
            {target.stable.promotedAtMs !== undefined && (
              <>
                {' '}
                · <RelativeTime atMs={target.stable.promotedAtMs} />
              </>
            )}
          </>
        ) : (
          nothingStable(t, target)
        )}
      </Typography>
      <CauseList
        compact
        causes={causesOf(target).filter(({ level }) => level === 'error')}
      />
      {shown && (shown === active || shown.status !== 'succeeded') && (
        <Typography variant="body2" component="div">
          <ToneWord tone={deploymentTone(shown)}>
            {shown.releaseVersion}: {t(`words.deployment.${shown.status}`)}
          </ToneWord>{' '}
          <ServiceLink service={target.service} deploymentId={shown.id}>
            {active ? t('pipeline.box.openDeployment') : t('pipeline.box.why')}
          </ServiceLink>
        </Typography>
      )}
      {target.hold && (
        <Typography variant="body2" component="div">
          <ToneWord tone="waiting">
            {t('page.kinds.hold')}: {target.hold.reason}
          </ToneWord>
        </Typography>
      )}
    </>
  );
}

function nothingStable(t: DeliveryT, { givenBack }: TargetView): string {
  return givenBack
    ? t('pipeline.box.givenBack', { who: formatActor(t, givenBack.by) })
    : t('pipeline.box.nothing');
}
