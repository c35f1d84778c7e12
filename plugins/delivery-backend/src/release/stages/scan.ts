import { ScanCheckpoint } from '../checkpoint';
import { requireBuild, requireDefinition } from '../requirements';
import { Stage } from '../types';

const MAX_FINDINGS = 50_000;

/** SBOM and findings of exactly the bytes that were built. */
export const scanStage: Stage = {
  name: 'scan',
  needs: ['layouts'],
  async run(context) {
    const { release, folders, scanner, store, log, signal } = context;
    if (!scanner) {
      throw new Error(
        'The platform has no image scanner, and nothing is released unscanned; install a module that brings one, or set delivery.local.enabled',
      );
    }
    const scans: Record<string, ScanCheckpoint> = {};
    let found = 0;
    for (const { name } of requireDefinition(release).images) {
      const { digest } = requireBuild(context, name);
      log(`${name}: scanning ${digest} with ${scanner.id}`);
      const result = await scanner.scan({
        layout: folders.layout(name),
        digest,
        image: name,
        log,
        signal,
      });
      if (result.findings.length > MAX_FINDINGS) {
        throw new Error(
          `The scanner ${scanner.id} reports ${result.findings.length} findings for "${name}"; at most ${MAX_FINDINGS} are taken`,
        );
      }
      scans[name] = {
        digest,
        scanner: result.scanner,
        ...(result.databaseUpdatedAtMs !== undefined && {
          databaseUpdatedAtMs: result.databaseUpdatedAtMs,
        }),
        notCovered: result.notCovered,
        foundBlob: await store.blobs.put(
          Buffer.from(JSON.stringify(result.findings)),
        ),
        sbomBlob: await store.blobs.put(result.sbom),
      };
      found += result.findings.length;
      log(`${name}: ${result.findings.length} finding(s)`);
      result.notCovered.forEach(gap => log(`${name}: not covered: ${gap}`));
    }
    const all = Object.entries(scans);
    return {
      checkpoint: { scans },
      release: {
        sbomBlobs: Object.fromEntries(
          all.map(([name, { sbomBlob }]) => [name, sbomBlob]),
        ),
      },
      facts: {
        findings: found,
        notCovered: all.reduce(
          (sum, [, scan]) => sum + scan.notCovered.length,
          0,
        ),
        scanner: `${scanner.id} ${all[0]?.[1].scanner.version ?? ''}`.trim(),
      },
    };
  },
};
