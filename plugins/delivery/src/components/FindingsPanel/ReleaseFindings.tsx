import { Link } from '@backstage/core-components';
import { useApi } from '@backstage/core-plugin-api';
import Typography from '@material-ui/core/Typography';
import {
  Finding,
  Release,
  deliveryServiceReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { DASH } from '../../format';
import { useResource } from '../../hooks';
import { Tone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { DataTable } from '../DataTable';
import { PartState } from '../PartState';
import { RelativeTime } from '../RelativeTime';
import { ToneWord } from '../Tone';
import { FindingGroup, groupFindings } from './groupFindings';

const TONES: Record<Finding['decision'], Tone> = {
  blocking: 'broken',
  reported: 'waiting',
  accepted: 'neutral',
};

/** The findings of a release with the gate's decision, and what was not covered. */
export function ReleaseFindings(props: { release: Release }) {
  const t = useDeliveryTranslation();
  // There is nothing to ask for before the scan.
  return props.release.findings ? (
    <ScannedFindings release={props.release} />
  ) : (
    <Typography variant="body2">{t('findings.notScanned')}</Typography>
  );
}

function ScannedFindings(props: { release: Release }) {
  const { release } = props;
  const api = useApi(deliveryApiRef);
  const t = useDeliveryTranslation();
  const resource = useResource(
    `findings:${release.id}`,
    () => api.getFindings(release.id),
    { affectedBy: event => event.subject === release.id },
  );
  return (
    <PartState
      resource={resource}
      what={t('lists.findings')}
      permission={deliveryServiceReadPermission.name}
    >
      {({ findings, notCovered }) => (
        <>
          {release.findings && (
            <Typography variant="body2" component="div">
              {t('findings.scanner', { scanner: release.findings.scanner })} ·{' '}
              {t('pipeline.chain.scanCounts', {
                blocking: String(release.findings.blocking),
                accepted: String(release.findings.accepted),
              })}
              {release.findings.databaseUpdatedAtMs !== undefined && (
                <>
                  {' '}
                  · {t('findings.database')}{' '}
                  <RelativeTime atMs={release.findings.databaseUpdatedAtMs} />
                </>
              )}
            </Typography>
          )}
          {notCovered.length > 0 && (
            <Typography variant="body2" component="div">
              <ToneWord tone="unknown">
                {t('findings.notCovered')}: {notCovered.join(', ')}
              </ToneWord>
            </Typography>
          )}
          {findings.length === 0 && (
            <Typography variant="body2">
              {t('findings.none', { version: release.version })}
            </Typography>
          )}
          {groupFindings(findings).map(group => (
            <GroupOfFindings key={group.key} group={group} />
          ))}
        </>
      )}
    </PartState>
  );
}

function GroupOfFindings(props: { group: FindingGroup }) {
  const { group } = props;
  const t = useDeliveryTranslation();
  const title = useGroupTitle(group);
  return (
    <>
      <Typography variant="subtitle1" component="h4">
        {title}
      </Typography>
      <DataTable<Finding>
        caption={title}
        rows={group.findings}
        rowKey={row => `${row.image}/${row.id}/${row.package?.path ?? ''}`}
        columns={[
          {
            title: t('findings.finding'),
            wide: true,
            render: row => (
              <>
                {row.url ? <Link to={row.url}>{row.id}</Link> : row.id}{' '}
                {row.title}
              </>
            ),
          },
          {
            title: t('common.severityLabel'),
            render: row => t(`words.severity.${row.severity}`),
          },
          {
            title: t('findings.decision'),
            render: row => (
              <ToneWord tone={TONES[row.decision]}>
                {t(`words.decision.${row.decision}`)}
              </ToneWord>
            ),
          },
          { title: t('findings.rule'), render: row => row.rule ?? DASH },
          {
            title: t('findings.installed'),
            render: row => row.package?.version ?? DASH,
          },
          {
            title: t('findings.fixedIn'),
            render: row => row.fixedIn?.join(', ') || DASH,
          },
        ]}
      />
    </>
  );
}

function useGroupTitle(group: FindingGroup): string {
  const t = useDeliveryTranslation();
  if (!group.package) {
    return t('findings.other');
  }
  return group.fix
    ? t('findings.group', {
        package: group.package,
        fix: group.fix,
        count: group.findings.length,
      })
    : t('findings.noFix', { package: group.package });
}
