import { Link } from '@backstage/core-components';
import { useApi } from '@backstage/core-plugin-api';
import Typography from '@material-ui/core/Typography';
import {
  Release,
  ServiceRef,
  deliveryServiceReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { formatActor, shortSha } from '../../format';
import { usePages } from '../../hooks';
import { releaseTone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { DataTable } from '../DataTable';
import { useTabPaths } from '../DeliveryTab/TabPaths';
import { DigestText } from '../DigestText';
import { Pager } from '../Pager';
import { Empty, PartState } from '../PartState';
import { RelativeTime } from '../RelativeTime';
import { ToneWord } from '../Tone';

/** The releases of a service, with their digests. */
export function ReleaseList(props: { service: ServiceRef }) {
  const { service } = props;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const paths = useTabPaths();
  const pages = usePages<Release>(
    `releases:${service}`,
    cursor => api.getReleases({ service, cursor, limit: 20 }),
    event => event.service === service && event.kind === 'release',
  );
  return (
    <PartState
      resource={pages.resource}
      what={t('lists.releases')}
      permission={deliveryServiceReadPermission.name}
      skeletonHeight={240}
    >
      {page =>
        page.items.length === 0 ? (
          <Empty title={t('lists.noReleases')} />
        ) : (
          <>
            <DataTable<Release>
              caption={t('pipeline.tabs.releases')}
              rows={page.items}
              rowKey={row => row.id}
              columns={[
                {
                  title: t('common.version'),
                  render: row => (
                    <Link to={paths.release(row.id)}>{row.version}</Link>
                  ),
                },
                {
                  title: t('common.commit'),
                  wide: true,
                  render: row => (
                    <>
                      <code>{shortSha(row.commit.sha)}</code>{' '}
                      {row.commit.message.split('\n')[0]}
                    </>
                  ),
                },
                {
                  title: t('common.status'),
                  wide: true,
                  render: row => (
                    <>
                      <ToneWord tone={releaseTone(row.status)}>
                        {t(`words.release.${row.status}`)}
                      </ToneWord>
                      {row.reason && (
                        <Typography variant="body2">
                          {row.reason.message}
                        </Typography>
                      )}
                    </>
                  ),
                },
                {
                  title: t('common.digest'),
                  render: row => <DigestText digest={row.images[0]?.digest} />,
                },
                {
                  title: t('common.who'),
                  render: row => formatActor(t, row.createdBy),
                },
                {
                  title: t('common.started'),
                  render: row => <RelativeTime atMs={row.createdAtMs} />,
                },
              ]}
            />
            <Pager pages={pages} label={t('lists.releases')} />
          </>
        )
      }
    </PartState>
  );
}
