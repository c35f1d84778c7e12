import semver from 'semver';
import { AffectedPackage } from './advisories';

type Range = NonNullable<AffectedPackage['ranges']>[number];

/** What an advisory says of one version. */
export type MatchResult =
  | { affected: true; fixedIn: string[] }
  | { affected: false }
  /** The version cannot be compared. */
  | { affected: 'unknown' };

function compare(a: string, b: string): number {
  // Zero is before everything, pre-releases of 0.0.0 included.
  if (a === '0') {
    return b === '0' ? 0 : -1;
  }
  if (b === '0') {
    return 1;
  }
  return semver.compare(a, b);
}

function versionOf(event: Range['events'][number]): string {
  return Object.values(event)[0] ?? '';
}

/**
 * Source: "Evaluation" in the OSV schema: events in the order of versions,
 * the last one at or before the version decides.
 */
function isInRange(version: string, range: Range): boolean {
  const events = [...range.events].sort((a, b) => {
    const order = compare(versionOf(a), versionOf(b));
    // At one version an end comes before a new beginning.
    return order || Number('introduced' in a) - Number('introduced' in b);
  });
  let affected = false;
  for (const event of events) {
    if ('introduced' in event && compare(version, event.introduced) >= 0) {
      affected = true;
    } else if ('fixed' in event && compare(version, event.fixed) >= 0) {
      affected = false;
    } else if (
      'last_affected' in event &&
      compare(version, event.last_affected) > 0
    ) {
      affected = false;
    }
  }
  return affected;
}

function isComparable(range: Range): boolean {
  return range.events.every(event => {
    const version = versionOf(event);
    return (
      version === '0' || 'limit' in event || semver.valid(version) !== null
    );
  });
}

/** Whether a version of an npm package is affected, and what fixes it. */
export function matchVersion(
  version: string,
  affected: AffectedPackage,
): MatchResult {
  if (affected.versions?.includes(version)) {
    return { affected: true, fixedIn: fixesAfter(version, affected) };
  }
  const ranges = (affected.ranges ?? []).filter(({ type }) => type !== 'GIT');
  if (ranges.length === 0) {
    return { affected: false };
  }
  if (semver.valid(version) === null || !ranges.every(isComparable)) {
    return { affected: 'unknown' };
  }
  return ranges.some(range => isInRange(version, range))
    ? { affected: true, fixedIn: fixesAfter(version, affected) }
    : { affected: false };
}

function fixesAfter(version: string, affected: AffectedPackage): string[] {
  const fixes = (affected.ranges ?? [])
    .filter(({ type }) => type !== 'GIT')
    .flatMap(({ events }) =>
      events.flatMap(event => ('fixed' in event ? [event.fixed] : [])),
    );
  const valid = fixes.filter(
    fix =>
      semver.valid(fix) !== null &&
      (semver.valid(version) === null || semver.gt(fix, version)),
  );
  return [...new Set(valid)].sort(semver.compare);
}
