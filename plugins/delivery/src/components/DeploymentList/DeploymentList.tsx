import { Link } from '@backstage/core-components';
import { useApi } from '@backstage/core-plugin-api';
import Typography from '@material-ui/core/Typography';
import {
  Deployment,
  ServiceRef,
  deliveryTargetReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { DASH, formatActor, formatDuration, shortSha } from '../../format';
import { usePages } from '../../hooks';
import { deploymentTone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { DataTable } from '../DataTable';
import { useTabPaths } from '../DeliveryTab/TabPaths';
import { Pager } from '../Pager';
import { Empty, PartState } from '../PartState';
import { RelativeTime } from '../RelativeTime';
import { ToneWord } from '../Tone';

/** What was deployed where, how it ended, who did it and why. */
export function DeploymentList(props: { service: ServiceRef }) {
  const { service } = props;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const pages = usePages<Deployment>(
    `deployments:${service}`,
    cursor => api.getDeployments({ service, cursor, limit: 20 }),
    event =>
      event.service === service &&
      (event.kind === 'deployment' || event.kind === 'target'),
  );
  return (
    <PartState
      resource={pages.resource}
      what={t('lists.deployments')}
      permission={deliveryTargetReadPermission.name}
      skeletonHeight={240}
    >
      {page =>
        page.items.length === 0 ? (
          <Empty title={t('lists.noDeployments')} />
        ) : (
          <>
            <DeploymentTable deployments={page.items} />
            <Pager pages={pages} label={t('lists.deployments')} />
          </>
        )
      }
    </PartState>
  );
}

export function DeploymentTable(props: { deployments: Deployment[] }) {
  const t = useDeliveryTranslation();
  const paths = useTabPaths();
  return (
    <DataTable<Deployment>
      caption={t('pipeline.tabs.deployments')}
      rows={props.deployments}
      rowKey={row => row.id}
      columns={[
        {
          title: t('lists.what'),
          wide: true,
          render: row => (
            <Link to={paths.deployment(row.id)}>
              {t('deployment.kindTitle', {
                kind: t(`words.kind.${row.kind}`),
                version: row.releaseVersion,
                environment: row.environment,
              })}
            </Link>
          ),
        },
        {
          title: t('common.commit'),
          render: row => <code>{shortSha(row.commitSha)}</code>,
        },
        {
          title: t('lists.outcome'),
          wide: true,
          render: row => (
            <>
              <ToneWord tone={deploymentTone(row)}>
                {t(`words.deployment.${row.status}`)}
              </ToneWord>
              {row.reason && (
                <Typography variant="body2">{row.reason.message}</Typography>
              )}
            </>
          ),
        },
        {
          title: t('common.who'),
          render: row => formatActor(t, row.createdBy),
        },
        { title: t('lists.cause'), wide: true, render: row => row.cause },
        {
          title: t('common.started'),
          render: row => (
            <RelativeTime atMs={row.startedAtMs ?? row.createdAtMs} />
          ),
        },
        {
          title: t('common.duration'),
          render: row =>
            row.startedAtMs !== undefined && row.finishedAtMs !== undefined
              ? formatDuration(row.finishedAtMs - row.startedAtMs)
              : DASH,
        },
      ]}
    />
  );
}
