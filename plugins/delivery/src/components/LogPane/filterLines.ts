import { LogLine } from '@slipway/backstage-plugin-delivery-common';
import { LogLevel, levelOf } from './levelOf';

export type LogStream = NonNullable<LogLine['stream']>;

const TRACK_ORDER = ['stable', 'canary', 'preview', 'draining', 'gone'];
const STREAM_ORDER: LogStream[] = ['stdout', 'stderr', 'system'];
const LEVEL_ORDER: LogLevel[] = ['error', 'warning', 'info', 'debug'];

/** What is chosen of each kind; nothing chosen: all. */
export interface LineFilter {
  search: string;
  streams: readonly LogStream[];
  tracks: readonly string[];
  instances: readonly string[];
  containers: readonly string[];
  levels: readonly LogLevel[];
}

function isChosen<T>(chosen: readonly T[], value: T | undefined): boolean {
  return chosen.length === 0 || (value !== undefined && chosen.includes(value));
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
      isChosen(filter.streams, line.stream ?? 'stdout') &&
      isChosen(filter.tracks, line.track) &&
      isChosen(filter.instances, line.instance) &&
      isChosen(filter.containers, line.container) &&
      (filter.levels.length === 0 ||
        isChosen(filter.levels, levelOf(line.text))),
  );
}

/** The kinds of lines there are, in a fixed order, so that chips do not jump. */
export function kindsOf(lines: LogLine[]) {
  const streams = new Set(lines.map(line => line.stream ?? 'stdout'));
  const levels = new Set(lines.map(line => levelOf(line.text)));
  return {
    streams: STREAM_ORDER.filter(stream => streams.has(stream)),
    levels: LEVEL_ORDER.filter(level => levels.has(level)),
    tracks: namesOf(lines, line => line.track).sort(
      (a, b) => rank(a) - rank(b) || a.localeCompare(b),
    ),
    instances: namesOf(lines, line => line.instance).sort(),
    containers: namesOf(lines, line => line.container).sort(),
  };
}

function namesOf(
  lines: LogLine[],
  read: (line: LogLine) => string | undefined,
): string[] {
  return [...new Set(lines.flatMap(line => read(line) ?? []))];
}

function rank(track: string): number {
  const index = TRACK_ORDER.indexOf(track);
  return index < 0 ? TRACK_ORDER.length : index;
}
