import { Finding, Severity } from '@slipway/backstage-plugin-delivery-common';

const SEVERITIES: readonly Severity[] = [
  'critical',
  'high',
  'medium',
  'low',
  'unknown',
];

export interface FindingGroup {
  key: string;
  package?: string;
  /** The lowest version that ends every fixable finding of the package. */
  fix?: string;
  findings: Finding[];
}

function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, undefined, { numeric: true });
}

function worst(group: FindingGroup): number {
  return Math.min(
    ...group.findings.map(
      it =>
        SEVERITIES.indexOf(it.severity) +
        (it.decision === 'blocking' ? -10 : 0),
    ),
  );
}

/** One group for each package, because one upgrade ends all of its findings; blocking ones first. */
export function groupFindings(findings: Finding[]): FindingGroup[] {
  const groups = new Map<string, FindingGroup>();
  for (const finding of findings) {
    const name = finding.package?.name;
    const key = name ?? `:${finding.kind}`;
    const group = groups.get(key) ?? { key, package: name, findings: [] };
    const fix = [...(finding.fixedIn ?? [])].sort(compareVersions)[0];
    if (fix && (!group.fix || compareVersions(fix, group.fix) > 0)) {
      group.fix = fix;
    }
    group.findings.push(finding);
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => worst(a) - worst(b));
}
