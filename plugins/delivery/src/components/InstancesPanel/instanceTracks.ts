import { useRef } from 'react';
import {
  LogLine,
  TargetView,
  isKnown,
} from '@slipway/backstage-plugin-delivery-common';
import { trackRows } from '../../model';

/** The track of each instance that runs now. */
export function instanceTracks(target: TargetView): Map<string, string> {
  const tracks = new Map<string, string>();
  if (isKnown(target.workloads)) {
    for (const { track, state } of trackRows(target)) {
      for (const { id } of state?.instances ?? []) {
        tracks.set(id, track);
      }
    }
  }
  return tracks;
}

/**
 * Lines say their instance; the track is the one that it has now. An instance
 * that is away has none any more, and while nothing is known nothing is said.
 */
export function withTracks<T extends LogLine>(
  lines: T[],
  tracks: Map<string, string>,
): T[] {
  if (tracks.size === 0) {
    return lines;
  }
  return lines.map(line =>
    line.track || !line.instance
      ? line
      : { ...line, track: tracks.get(line.instance) ?? 'gone' },
  );
}

/** Keeps what was known while what runs is not. */
export function useInstanceTracks(target: TargetView): Map<string, string> {
  const last = useRef(new Map<string, string>());
  if (isKnown(target.workloads)) {
    last.current = instanceTracks(target);
  }
  return last.current;
}
