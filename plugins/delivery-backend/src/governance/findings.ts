import {
  Finding,
  FindingsSummary,
  PolicyRule,
  Severity,
} from '@slipway/backstage-plugin-delivery-common';

/**
 * What blocks. The platform's floor always applies; a repository adds to it
 * and has no way to take from it.
 */
export interface FindingRules {
  platform: PolicyRule[];
  repository: PolicyRule[];
}

/** An owner's acceptance of one finding until a time. */
export interface FindingException {
  findingId: string;
  /** Absent: of any package. */
  package?: string;
  reason: string;
  by: string;
  expiresAtMs: number;
}

export interface FindingsDecision {
  findings: Finding[];
  counts: FindingsSummary['counts'];
  blocking: number;
  accepted: number;
  /** What nobody looked at, with the coverage gaps named. */
  notCovered: string[];
  /**
   * `clean` only when nothing was found *and* everything was looked at: what
   * is not covered is never clean.
   */
  result: 'blocked' | 'passed' | 'clean';
}

const WORST_FIRST: readonly Severity[] = ['critical', 'high', 'medium', 'low'];

const severityMatches = (rule: Severity, found: Severity) =>
  // An unknown severity is neither above nor below the others.
  rule === 'unknown' || found === 'unknown'
    ? rule === found
    : WORST_FIRST.indexOf(found) <= WORST_FIRST.indexOf(rule);

/** What a rule says, for people: "high or worse, when a fix exists (platform)". */
export function describeRule(rule: PolicyRule, origin: string): string {
  const severity =
    rule.severity === 'critical' || rule.severity === 'unknown'
      ? `${rule.severity} severity`
      : `${rule.severity} severity or worse`;
  const fixable =
    rule.fixable === undefined
      ? ''
      : `, ${rule.fixable ? 'when a fix exists' : 'when no fix exists'}`;
  return `${severity}${fixable} (${origin})`;
}

/**
 * The gate's decision on each finding: blocking, accepted by an exception
 * that has not expired, or reported. A rule matches its severity and what is
 * worse, so `high` blocks a critical finding too.
 */
export function decideFindings(
  found: Array<Omit<Finding, 'decision' | 'rule'>>,
  rules: FindingRules,
  options: {
    notCovered?: string[];
    exceptions?: FindingException[];
    nowMs?: number;
  } = {},
): FindingsDecision {
  const { notCovered = [], exceptions = [], nowMs = 0 } = options;
  const ordered = [
    ...rules.platform.map(rule => ({ rule, origin: 'platform policy' })),
    ...rules.repository.map(rule => ({ rule, origin: 'delivery.yaml' })),
  ];
  const counts = { critical: 0, high: 0, medium: 0, low: 0, unknown: 0 };
  const findings = found.map((finding): Finding => {
    counts[finding.severity] += 1;
    const fixable = (finding.fixedIn ?? []).length > 0;
    const blockedBy = ordered.find(
      ({ rule }) =>
        severityMatches(rule.severity, finding.severity) &&
        (rule.fixable === undefined || rule.fixable === fixable),
    );
    if (!blockedBy) {
      return { ...finding, decision: 'reported' };
    }
    const exception = exceptions.find(
      candidate =>
        candidate.findingId === finding.id &&
        (candidate.package === undefined ||
          candidate.package === finding.package?.name) &&
        candidate.expiresAtMs > nowMs,
    );
    return exception
      ? {
          ...finding,
          decision: 'accepted',
          rule: `accepted by ${exception.by} until ${new Date(
            exception.expiresAtMs,
          ).toISOString()}: ${exception.reason}`,
        }
      : {
          ...finding,
          decision: 'blocking',
          rule: describeRule(blockedBy.rule, blockedBy.origin),
        };
  });
  const blocking = findings.filter(f => f.decision === 'blocking').length;
  const accepted = findings.filter(f => f.decision === 'accepted').length;
  const passed =
    findings.length === 0 && notCovered.length === 0 ? 'clean' : 'passed';
  return {
    findings,
    counts,
    blocking,
    accepted,
    notCovered,
    result: blocking > 0 ? 'blocked' : passed,
  };
}
