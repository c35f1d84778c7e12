import { PackageURL } from 'packageurl-js';
import { ScanRequest } from '@slipway/backstage-plugin-delivery-node';
import { FoundPackage } from './packages';

/** `pkg:npm/%40scope/name@1.0.0`. Source: the package URL specification. */
export function purlOf({ name, version }: FoundPackage): string {
  const slash = name.lastIndexOf('/');
  const namespace = slash > 0 ? name.slice(0, slash) : undefined;
  return new PackageURL(
    'npm',
    namespace,
    name.slice(slash + 1),
    version,
    undefined,
    undefined,
  ).toString();
}

/**
 * The packages of an image as CycloneDX 1.6 JSON. It has no time and no serial
 * number in it, so the same image gives the same bytes.
 */
export function createSbom(
  request: Pick<ScanRequest, 'image' | 'digest'>,
  scanner: { id: string; version: string },
  packages: readonly FoundPackage[],
): Buffer {
  const components = packages.map(found => {
    const slash = found.name.lastIndexOf('/');
    return {
      type: 'library',
      'bom-ref': `${purlOf(found)}#${found.path}`,
      ...(slash > 0 && { group: found.name.slice(0, slash) }),
      name: found.name.slice(slash + 1),
      version: found.version,
      purl: purlOf(found),
      ...(found.license && {
        licenses: [{ license: { name: found.license } }],
      }),
      properties: [{ name: 'slipway:path', value: `/${found.path}` }],
    };
  });
  return Buffer.from(
    JSON.stringify({
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      version: 1,
      metadata: {
        tools: {
          components: [
            {
              type: 'application',
              name: `slipway ${scanner.id}`,
              version: scanner.version,
            },
          ],
        },
        component: {
          type: 'container',
          'bom-ref': request.digest,
          name: request.image,
          version: request.digest,
        },
      },
      components,
    }),
  );
}
