import { InputError } from '@backstage/errors';
import {
  ImageScanner,
  OciLayout,
  ScanResult,
} from '@slipway/backstage-plugin-delivery-node';
import { readAdvisories, severityOf } from './advisories';
import { matchVersion } from './match';
import { FoundPackage, readInventory } from './packages';
import { createSbom, purlOf } from './sbom';

const SCANNER = { id: 'embedded-npm', version: '1' };
const SEVERITY_ORDER = ['critical', 'high', 'medium', 'low', 'unknown'];
const DAY_MS = 24 * 60 * 60 * 1000;

/** @public */
export interface NpmScannerOptions {
  /** A folder of advisories in the OSV format. */
  advisories: string;
}

type ScanFinding = ScanResult['findings'][number];

async function imageManifest(layout: OciLayout, digest: string) {
  const { manifest } = await layout.readManifest(digest);
  if (manifest.kind !== 'manifest') {
    throw new InputError(
      `${digest} is an index of images; the embedded scanner reads one image`,
    );
  }
  return manifest;
}

/**
 * Lists the npm packages of an image and compares them with advisories in the
 * OSV format. What it cannot judge is named in `notCovered`, never counted as
 * clean. The folder is read at each scan, so that news counts at once.
 *
 * @public
 */
export function createNpmScanner(options: NpmScannerOptions): ImageScanner {
  return {
    id: SCANNER.id,

    async scan(request) {
      const { log, signal } = request;
      signal.throwIfAborted();
      const layout = await OciLayout.open(request.layout);
      const manifest = await imageManifest(layout, request.digest);
      const database = await readAdvisories(options.advisories);
      const age =
        database.updatedAtMs === undefined
          ? 'empty'
          : `changed last ${new Date(database.updatedAtMs)
              .toISOString()
              .slice(0, 10)}, ${Math.max(
              0,
              Math.floor((Date.now() - database.updatedAtMs) / DAY_MS),
            )} days ago`;
      log(`Advisories: ${database.count}, ${age}`);
      const inventory = await readInventory(layout, manifest, signal);
      log(`Found ${inventory.packages.length} npm packages`);
      const notCovered = new Set(inventory.notCovered);
      if (database.count === 0) {
        notCovered.add('npm packages (the advisory database is empty)');
      }
      const findings = inventory.packages.flatMap(found =>
        findingsOf(found, notCovered),
      );
      findings.sort(
        (a, b) =>
          SEVERITY_ORDER.indexOf(a.severity) -
            SEVERITY_ORDER.indexOf(b.severity) || (a.id < b.id ? -1 : 1),
      );
      notCovered.forEach(what => log(`Not covered: ${what}`));
      return {
        scanner: SCANNER,
        ...(database.updatedAtMs && {
          databaseUpdatedAtMs: database.updatedAtMs,
        }),
        findings,
        notCovered: [...notCovered].sort(),
        sbom: createSbom(request, SCANNER, inventory.packages),
      };

      function findingsOf(
        found: FoundPackage,
        unknown: Set<string>,
      ): ScanFinding[] {
        const candidates = database.byPackage.get(found.name) ?? [];
        const byId = new Map<string, ScanFinding>();
        for (const { advisory, affected } of candidates) {
          const match = matchVersion(found.version, affected);
          if (match.affected === 'unknown') {
            unknown.add(
              `npm package ${found.name}: version "${found.version}" cannot be compared with ${advisory.id}`,
            );
          } else if (match.affected && !byId.has(advisory.id)) {
            const url = advisory.references?.find(({ url: text }) =>
              /^https?:\/\//.test(text),
            )?.url;
            byId.set(advisory.id, {
              id: advisory.id,
              kind: 'vulnerability',
              package: {
                name: found.name,
                version: found.version,
                purl: purlOf(found),
                path: `/${found.path}`,
              },
              severity: severityOf(advisory, affected),
              title: advisory.summary ?? advisory.details ?? advisory.id,
              ...(match.fixedIn.length > 0 && { fixedIn: match.fixedIn }),
              ...(url && { url }),
            });
          }
        }
        return [...byId.values()];
      }
    },
  };
}
