import {
  Finding,
  FindingsSummary,
  Reason,
} from '@slipway/backstage-plugin-delivery-common';
import { effectivePolicy } from '../../definition';
import { decideFindings } from '../../governance';
import { requireDefinition, requireScan } from '../requirements';
import { StageBlocked } from '../stageErrors';
import { Stage, StageContext, StageResult } from '../types';

type Found = Omit<Finding, 'decision' | 'rule'>;

const WORST_FIRST: ReadonlyArray<Finding['severity']> = [
  'critical',
  'high',
  'medium',
  'low',
  'unknown',
];

async function readFound(
  context: StageContext,
  image: string,
): Promise<Found[]> {
  const { foundBlob } = requireScan(context, image);
  const bytes = await context.store.blobs.get(foundBlob);
  if (!bytes) {
    throw new Error(
      `The findings of image "${image}" (blob ${foundBlob}) are gone; retry the release to scan again`,
    );
  }
  const findings: Array<Omit<Found, 'image'>> = JSON.parse(
    bytes.toString('utf8'),
  );
  return findings.map(finding => ({ ...finding, image }));
}

function describe({
  id,
  title,
  severity,
  package: pkg,
  rule,
}: Finding): string {
  const where = pkg ? `${pkg.name} ${pkg.version}` : title;
  return `${id} in ${where} (${severity}) blocks: ${rule}`;
}

function blockedReason(blocking: Finding[]): Reason {
  const [worst] = blocking;
  const others = blocking.length - 1;
  const fix = worst.fixedIn?.[0];
  return {
    code: 'finding-blocked',
    message: `${describe(worst)}${
      fix ? `; fixed in ${fix}` : '; no fix is known'
    }${others > 0 ? `; and ${others} more` : ''}`,
    evidence: blocking.slice(0, 20).map(describe).join('\n'),
    action:
      fix && worst.package
        ? `Upgrade ${worst.package.name} to ${fix} and release the new commit.`
        : 'Replace what is affected and release the new commit.',
  };
}

/**
 * The platform's rules of every environment that the definition names, and the
 * repository's own: one blocking finding, and the release goes nowhere.
 */
export const gateStage: Stage = {
  name: 'gate',
  needs: [],
  async run(context) {
    const { release, checkpoint, environments, store, log, nowMs } = context;
    const definition = requireDefinition(release);
    const policy = effectivePolicy(environments, definition);
    policy.explanation.forEach(log);
    const found: Found[] = [];
    const notCovered: string[] = [];
    const scans = checkpoint.scans ?? {};
    for (const { name } of definition.images) {
      found.push(...(await readFound(context, name)));
      notCovered.push(...scans[name].notCovered);
    }
    const decision = decideFindings(found, policy, {
      notCovered: [...new Set(notCovered)],
      nowMs: nowMs(),
    });
    const databases = Object.values(scans).flatMap(
      scan => scan.databaseUpdatedAtMs ?? [],
    );
    const scanners = Object.values(scans).map(
      ({ scanner }) => `${scanner.id} ${scanner.version}`,
    );
    const summary: FindingsSummary = {
      counts: decision.counts,
      blocking: decision.blocking,
      accepted: decision.accepted,
      notCovered: decision.notCovered,
      scanner: [...new Set(scanners)].join(', '),
      ...(databases.length > 0 && {
        // The oldest one: what is shown is never younger than what was used.
        databaseUpdatedAtMs: Math.min(...databases),
      }),
    };
    const findings = [...decision.findings].sort(
      (a, b) =>
        WORST_FIRST.indexOf(a.severity) - WORST_FIRST.indexOf(b.severity),
    );
    const result: StageResult = {
      release: {
        findings: summary,
        findingsBlob: await store.blobs.put(
          Buffer.from(
            JSON.stringify({
              findings,
              notCovered: decision.notCovered,
              policy: policy.explanation,
              summary,
            }),
          ),
        ),
      },
      facts: {
        result: decision.result,
        blocking: decision.blocking,
        reported: findings.length - decision.blocking - decision.accepted,
        accepted: decision.accepted,
        notCovered: decision.notCovered.length,
      },
    };
    const blocking = findings.filter(
      finding => finding.decision === 'blocking',
    );
    if (blocking.length > 0) {
      blocking.map(describe).forEach(log);
      throw new StageBlocked(blockedReason(blocking), result);
    }
    log(
      `${decision.result}: ${findings.length} finding(s), none of them blocks; ${decision.notCovered.length} part(s) not covered`,
    );
    return result;
  },
};
