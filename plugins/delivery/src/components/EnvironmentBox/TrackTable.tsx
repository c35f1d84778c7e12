import Typography from '@material-ui/core/Typography';
import { makeStyles } from '@material-ui/core/styles';
import { TargetView, isKnown } from '@slipway/backstage-plugin-delivery-common';
import { DASH, formatMetric } from '../../format';
import { TrackRow, trackRows } from '../../model';
import { useDeliveryTranslation } from '../../translation';
import { DataTable } from '../DataTable';
import { TrafficRoutes } from '../TrafficRoutes';
import { ShareBars } from './ShareBars';

const useStyles = makeStyles({
  // It stands whole above; here the numbers need the room.
  version: {
    maxWidth: '6.5rem',
    overflow: 'hidden',
    textOverflow: 'ellipsis',
  },
});

/** Numbers that compare stand together: stable above canary, asked beside seen. */
export function TrackTable(props: { target: TargetView }) {
  const { target } = props;
  const t = useDeliveryTranslation();
  const classes = useStyles();
  const rows = trackRows(target);
  if (rows.length === 0) {
    return null;
  }
  const traffic = isKnown(target.traffic) ? target.traffic.known : undefined;
  return (
    <>
      <DataTable<TrackRow>
        compact
        caption={`${t('pipeline.box.tracks')}: ${target.environment.title}`}
        rows={rows}
        rowKey={row => row.generation}
        columns={[
          {
            title: t('pipeline.box.trackName'),
            render: row => (
              <>
                {t(`words.track.${row.track}`)}
                {row.version && (
                  <div className={classes.version} title={row.version}>
                    {row.version}
                  </div>
                )}
              </>
            ),
          },
          {
            title: t('pipeline.box.instances'),
            render: row =>
              row.state ? `${row.state.ready}/${row.state.wanted}` : DASH,
          },
          {
            title: t('pipeline.box.traffic'),
            render: row => <ShareBars row={row} />,
          },
          {
            title: t('pipeline.box.success'),
            render: row => formatMetric(row.metrics?.successRatio, 'ratio'),
          },
          {
            title: t('pipeline.box.p95'),
            render: row =>
              formatMetric(row.metrics?.latencyP95Ms, 'milliseconds'),
          },
        ]}
      />
      <TrafficRoutes target={target} />
      {traffic?.address && (
        <Typography variant="body2">
          {t('pipeline.box.address', { address: traffic.address })}
        </Typography>
      )}
    </>
  );
}
