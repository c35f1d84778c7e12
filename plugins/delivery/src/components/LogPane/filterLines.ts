import { LogLine } from '@slipway/backstage-plugin-delivery-common';

export type LogStream = NonNullable<LogLine['stream']>;

const TRACK_ORDER = ['stable', 'canary', 'preview', 'draining', 'gone'];

export interface LineFilter {
  search: string;
  /** Empty: all. */
  streams: readonly LogStream[];
  /** Empty: all. */
  tracks: readonly string[];
}

/** The lines that are asked for; a line that names no stream is the output. */
export function filterLines<T extends LogLine>(
  lines: T[],
  filter: LineFilter,
): T[] {
  const wanted = filter.search.toLowerCase();
  return lines.filter(
    line =>
      (!wanted || line.text.toLowerCase().includes(wanted)) &&
      (filter.streams.length === 0 ||
        filter.streams.includes(line.stream ?? 'stdout')) &&
      (filter.tracks.length === 0 || filter.tracks.includes(line.track ?? '')),
  );
}

/** The kinds of lines there are, in a fixed order, so that chips do not jump. */
export function streamsOf(lines: LogLine[]): LogStream[] {
  const found = new Set(lines.map(line => line.stream ?? 'stdout'));
  const order: LogStream[] = ['stdout', 'stderr', 'system'];
  return order.filter(stream => found.has(stream));
}

export function tracksOf(lines: LogLine[]): string[] {
  const found = new Set(lines.flatMap(line => line.track ?? []));
  const rank = (track: string) => {
    const index = TRACK_ORDER.indexOf(track);
    return index < 0 ? TRACK_ORDER.length : index;
  };
  return [...found].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}
