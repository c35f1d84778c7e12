import { FollowedContainer } from './followedContainer';
import { StoredLine } from './lineMemory';

/** A container's next lines, in its own order. */
export interface Pending {
  container: FollowedContainer;
  lines: Array<StoredLine | 'gap'>;
}

export interface Merged {
  container: FollowedContainer;
  line: StoredLine | 'gap';
}

/**
 * The next lines of all containers by time, `limit` at most; each container's
 * own order is kept.
 */
export function mergeByTime(pending: Pending[], limit: number): Merged[] {
  const heads = pending.map(({ container, lines }) => ({
    container,
    lines,
    at: 0,
  }));
  const merged: Merged[] = [];
  const timeOf = ({ lines, at }: (typeof heads)[number]): bigint => {
    const line = lines[at] === 'gap' ? lines[at + 1] : lines[at];
    return line === undefined || line === 'gap' ? 0n : line.ns;
  };
  while (merged.length < limit) {
    const open = heads.filter(({ lines, at }) => at < lines.length);
    if (open.length === 0) {
      break;
    }
    const next = open.reduce((first, head) =>
      timeOf(head) < timeOf(first) ? head : first,
    );
    merged.push({ container: next.container, line: next.lines[next.at] });
    next.at += 1;
  }
  return merged;
}
