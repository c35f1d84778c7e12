import Typography from '@material-ui/core/Typography';
import { deliveryTargetReadPermission } from '@slipway/backstage-plugin-delivery-common';
import { DASH } from '../../format';
import { Tone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { DataTable } from '../DataTable';
import { LiveRegion } from '../LiveRegion';
import { PartState } from '../PartState';
import { RelativeTime } from '../RelativeTime';
import { ServiceLink } from '../ServiceLink';
import { ServiceName } from './ServiceName';
import { ToneWord } from '../Tone';
import { InboxItem, InboxKind } from './inbox';
import { useInbox } from './useInbox';

const TONES: Record<InboxKind, Tone> = {
  errored: 'broken',
  inconclusive: 'waiting',
  paused: 'waiting',
  'not-given-back': 'broken',
  hold: 'waiting',
  blocked: 'broken',
  degraded: 'broken',
  unknown: 'unknown',
};

/** What needs somebody today. */
export function Inbox() {
  const t = useDeliveryTranslation();
  const inbox = useInbox();
  return (
    <section>
      <Typography variant="h5" component="h2">
        {t('page.inbox')}
      </Typography>
      <PartState
        resource={inbox}
        what={t('lists.inbox')}
        permission={deliveryTargetReadPermission.name}
      >
        {items => (
          <>
            <LiveRegion
              states={{ inbox: t('page.waiting', { count: items.length }) }}
            />
            {items.length === 0 ? (
              <Typography variant="body2" component="div">
                <ToneWord tone="neutral">{t('page.inboxEmpty')}</ToneWord>
              </Typography>
            ) : (
              <DataTable<InboxItem>
                caption={t('page.inbox')}
                rows={items}
                rowKey={row =>
                  `${row.kind}/${row.service}/${row.environment}/${row.deploymentId}/${row.releaseId}`
                }
                columns={[
                  {
                    title: t('lists.what'),
                    render: row => (
                      <ToneWord tone={TONES[row.kind]}>
                        {t(`page.kinds.${row.kind}`)}
                      </ToneWord>
                    ),
                  },
                  {
                    title: t('common.service'),
                    render: row => (
                      <ServiceLink
                        service={row.service}
                        deploymentId={row.deploymentId}
                        releaseId={row.releaseId}
                      >
                        <ServiceName service={row.service} />
                        {row.environment && ` · ${row.environment}`}
                      </ServiceLink>
                    ),
                  },
                  {
                    title: t('common.version'),
                    render: row => row.title || DASH,
                  },
                  {
                    title: t('common.reason'),
                    wide: true,
                    render: row => row.message ?? DASH,
                  },
                  {
                    title: t('common.age'),
                    render: row =>
                      row.sinceMs === undefined ? (
                        DASH
                      ) : (
                        <RelativeTime atMs={row.sinceMs} />
                      ),
                  },
                ]}
              />
            )}
          </>
        )}
      </PartState>
    </section>
  );
}
