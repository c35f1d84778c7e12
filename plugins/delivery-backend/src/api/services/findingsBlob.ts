import { Finding, Release } from '@slipway/backstage-plugin-delivery-common';

/**
 * Reads the frozen findings of a release: a list of findings, or an object
 * with `findings` and `notCovered`.
 */
export function parseFindings(
  bytes: Buffer,
  release: Pick<Release, 'findings'>,
): { findings: Finding[]; notCovered: string[] } {
  const stored: unknown = JSON.parse(bytes.toString('utf8'));
  if (Array.isArray(stored)) {
    return {
      findings: stored,
      notCovered: release.findings?.notCovered ?? [],
    };
  }
  if (
    typeof stored === 'object' &&
    stored !== null &&
    'findings' in stored &&
    Array.isArray(stored.findings)
  ) {
    return {
      findings: stored.findings,
      notCovered:
        'notCovered' in stored && Array.isArray(stored.notCovered)
          ? stored.notCovered
          : release.findings?.notCovered ?? [],
    };
  }
  throw new Error('The stored findings have an unknown form');
}
