import { DateTime } from 'luxon';
import { formatExact, formatRelative } from '../../format';
import { useNow } from '../../hooks';

/** How long ago; the exact time is told on hover and to machines. */
export function RelativeTime(props: { atMs: number }) {
  const nowMs = useNow(10_000);
  return (
    <time
      dateTime={DateTime.fromMillis(props.atMs).toISO() ?? undefined}
      title={formatExact(props.atMs)}
    >
      {formatRelative(props.atMs, Math.max(nowMs, props.atMs))}
    </time>
  );
}
