import { useState } from 'react';
import { useSearchParams } from 'react-router-dom';
import { useApi } from '@backstage/core-plugin-api';
import Typography from '@material-ui/core/Typography';
import {
  TargetView,
  deliveryTargetReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { DASH, mainDigest, shortSha } from '../../format';
import { usePages } from '../../hooks';
import { activeDeployment, targetId } from '../../model';
import { deploymentTone, healthTone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { DataTable } from '../DataTable';
import { DigestText } from '../DigestText';
import { Pager } from '../Pager';
import { Empty, PartState } from '../PartState';
import { RelativeTime } from '../RelativeTime';
import { ServiceLink } from '../ServiceLink';
import { ToneWord } from '../Tone';
import { EstateFilter, EstateFilters } from './EstateFilters';
import { ServiceName } from './ServiceName';

/** Every service in every environment, one page at a time. */
export function Estate() {
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  // An environment's page leads here.
  const [address] = useSearchParams();
  const [filter, setFilter] = useState<EstateFilter>({
    environment: address.get('environment') ?? undefined,
  });
  const pages = usePages<TargetView>(
    `estate:${JSON.stringify(filter)}`,
    cursor => api.getTargets({ ...filter, cursor, limit: 50 }),
    // What is not on the shown page costs no fetch.
    (event, page) =>
      (event.kind === 'target' || event.kind === 'deployment') &&
      Boolean(page?.items.some(it => it.service === event.service)),
  );
  return (
    <section>
      <Typography variant="h5" component="h2">
        {t('page.estate')}
      </Typography>
      <EstateFilters first={filter} onChange={setFilter} />
      <PartState
        resource={pages.resource}
        what={t('lists.estate')}
        permission={deliveryTargetReadPermission.name}
        skeletonHeight={400}
      >
        {page =>
          page.items.length === 0 ? (
            <Empty title={t('page.estateEmpty')} />
          ) : (
            <>
              <EstateTable targets={page.items} />
              <Pager pages={pages} label={t('lists.estate')} />
            </>
          )
        }
      </PartState>
    </section>
  );
}

function EstateTable(props: { targets: TargetView[] }) {
  const t = useDeliveryTranslation();
  return (
    <DataTable<TargetView>
      caption={t('page.estateCaption')}
      rows={props.targets}
      rowKey={targetId}
      columns={[
        {
          title: t('common.service'),
          render: row => (
            <ServiceLink service={row.service}>
              <ServiceName service={row.service} />
            </ServiceLink>
          ),
        },
        {
          title: t('common.environment'),
          render: row => row.environment.title,
        },
        {
          title: t('common.version'),
          render: row =>
            row.stable
              ? `${row.stable.version} · ${shortSha(row.stable.commitSha)}`
              : DASH,
        },
        {
          title: t('common.digest'),
          render: row => (
            <DigestText digest={mainDigest(row.stable?.digests)} />
          ),
        },
        {
          title: t('common.health'),
          render: row => (
            <ToneWord tone={healthTone(row.health.status)}>
              {t(`words.health.${row.health.status}`)}
            </ToneWord>
          ),
        },
        {
          title: t('page.lastOutcome'),
          render: row => {
            const shown = activeDeployment(row) ?? row.last;
            return shown ? (
              <ServiceLink service={row.service} deploymentId={shown.id}>
                <ToneWord tone={deploymentTone(shown)}>
                  {shown.releaseVersion}:{' '}
                  {t(`words.deployment.${shown.status}`)}
                </ToneWord>
              </ServiceLink>
            ) : (
              DASH
            );
          },
        },
        {
          title: t('common.age'),
          render: row =>
            row.stable?.promotedAtMs === undefined ? (
              DASH
            ) : (
              <RelativeTime atMs={row.stable.promotedAtMs} />
            ),
        },
      ]}
    />
  );
}
