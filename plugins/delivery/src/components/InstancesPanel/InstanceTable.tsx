import Typography from '@material-ui/core/Typography';
import {
  InstancePhase,
  InstanceState,
  TargetView,
  WorkloadsState,
} from '@slipway/backstage-plugin-delivery-common';
import { DASH, mainDigest } from '../../format';
import { trackRows } from '../../model';
import { Tone } from '../../theme';
import { useDeliveryTranslation } from '../../translation';
import { DataTable } from '../DataTable';
import { DigestText } from '../DigestText';
import { INSTANCE_OPERATION, OperationButton } from '../Operations';
import { RelativeTime } from '../RelativeTime';
import { ToneWord } from '../Tone';

const TONES: Record<InstancePhase, Tone> = {
  pulling: 'moving',
  starting: 'moving',
  running: 'neutral',
  stopping: 'moving',
  stopped: 'unknown',
  'backing-off': 'broken',
  unknown: 'unknown',
};

/** The instances with what each really runs and why one is not well. */
export function InstanceTable(props: {
  target: TargetView;
  workloads: WorkloadsState;
}) {
  const { target, workloads } = props;
  const t = useDeliveryTranslation();
  const environment = target.environment.title;
  const tracks = trackRows(target);
  const rows = workloads.generations.flatMap(it => it.instances);
  if (rows.length === 0) {
    return (
      <Typography variant="body2">
        {t('instances.none', { environment })}
      </Typography>
    );
  }
  const remove = target.operations.find(it => it.id === INSTANCE_OPERATION);
  const trackOf = (row: InstanceState) =>
    tracks.find(it => it.generation === row.generation)?.track ?? 'draining';
  return (
    <DataTable<InstanceState>
      caption={t('instances.caption', { environment })}
      rows={rows}
      rowKey={row => row.id}
      columns={[
        {
          title: t('instances.instance'),
          render: row => <code>{row.id}</code>,
        },
        {
          title: t('instances.track'),
          render: row => t(`words.track.${trackOf(row)}`),
        },
        {
          title: t('instances.phase'),
          render: row => (
            <ToneWord
              tone={
                row.phase === 'running' && !row.ready
                  ? 'waiting'
                  : TONES[row.phase]
              }
            >
              {t(`words.phase.${row.phase}`)},{' '}
              {row.ready ? t('instances.ready') : t('instances.notReady')}
            </ToneWord>
          ),
        },
        { title: t('instances.restarts'), render: row => row.restarts },
        {
          title: t('common.digest'),
          render: row => <DigestText digest={mainDigest(row.digests)} />,
        },
        { title: t('instances.address'), render: row => row.address ?? DASH },
        {
          title: t('common.age'),
          render: row =>
            row.startedAtMs === undefined ? (
              DASH
            ) : (
              <RelativeTime atMs={row.startedAtMs} />
            ),
        },
        // An empty column of sentences would push the buttons out of sight.
        ...(rows.some(row => row.cause)
          ? [
              {
                title: t('instances.cause'),
                wide: true,
                render: (row: InstanceState) =>
                  row.cause && (
                    <>
                      {row.cause.summary}
                      {row.cause.evidence && <div>{row.cause.evidence}</div>}
                      {row.cause.action && (
                        <div>
                          {t('common.action', { action: row.cause.action })}
                        </div>
                      )}
                    </>
                  ),
              },
            ]
          : []),
        ...(remove
          ? [
              {
                title: t('settings.operations'),
                render: (row: InstanceState) => (
                  <OperationButton
                    target={target}
                    operation={remove}
                    args={{ instance: row.id }}
                    subject={row.id}
                  />
                ),
              },
            ]
          : []),
      ]}
    />
  );
}
