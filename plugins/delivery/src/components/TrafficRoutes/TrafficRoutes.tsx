import Typography from '@material-ui/core/Typography';
import {
  TargetView,
  TrafficRoute,
  isKnown,
} from '@slipway/backstage-plugin-delivery-common';
import { formatHeaders, formatPercent } from '../../format';
import { TrackRow, trackRows } from '../../model';
import { DeliveryT, useDeliveryTranslation } from '../../translation';

/** What goes to a generation beside the shares, a sentence each; nothing without. */
export function TrafficRoutes(props: { target: TargetView }) {
  const { target } = props;
  const t = useDeliveryTranslation();
  const routes = isKnown(target.traffic)
    ? target.traffic.known.routes ?? []
    : [];
  if (routes.length === 0) {
    return null;
  }
  const rows = trackRows(target);
  return (
    <>
      {routes.map(route => (
        <Typography
          key={`${route.type} ${route.generation}`}
          variant="body2"
          component="div"
        >
          {describeRoute(t, route, rows)}
        </Typography>
      ))}
    </>
  );
}

function describeRoute(
  t: DeliveryT,
  route: TrafficRoute,
  rows: TrackRow[],
): string {
  const row = rows.find(({ generation }) => generation === route.generation);
  const track = row ? t(`words.track.${row.track}`) : route.generation;
  return route.type === 'headers'
    ? t('traffic.byHeaders', { headers: formatHeaders(route.headers), track })
    : t('traffic.mirrored', { percent: formatPercent(route.percent), track });
}
