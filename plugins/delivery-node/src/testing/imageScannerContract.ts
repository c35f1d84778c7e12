import { ImageScanner, ScanResult } from '../ports';

/** @public */
export interface ImageScannerHarness {
  scanner: ImageScanner;
  /**
   * A layout with an image that holds the package, of which the scanner's
   * database knows a vulnerability of this severity; or an image without any
   * package that it could judge.
   */
  image(kind: 'vulnerable' | 'opaque'): Promise<{
    layout: string;
    digest: string;
  }>;
  vulnerable: { package: string; version: string; severity: string };
  close(): Promise<void>;
}

/**
 * What every `ImageScanner` adapter promises.
 *
 * @public
 */
export function describeImageScannerContract(
  name: string,
  createHarness: () => Promise<ImageScannerHarness>,
): void {
  describe(`${name} keeps the contract of ImageScanner`, () => {
    let harness: ImageScannerHarness;
    beforeAll(async () => {
      harness = await createHarness();
    });
    afterAll(async () => {
      await harness?.close();
    });

    async function scan(kind: 'vulnerable' | 'opaque'): Promise<ScanResult> {
      return harness.scanner.scan({
        ...(await harness.image(kind)),
        image: 'app',
        log: () => {},
        signal: new AbortController().signal,
      });
    }

    it('finds what its database knows, with the package and the severity', async () => {
      const { findings, scanner, databaseUpdatedAtMs } = await scan(
        'vulnerable',
      );
      const { package: packageName, version, severity } = harness.vulnerable;
      expect(findings).toEqual(
        expect.arrayContaining([
          expect.objectContaining({
            kind: 'vulnerability',
            severity,
            package: expect.objectContaining({ name: packageName, version }),
          }),
        ]),
      );
      expect(new Set(findings.map(({ id }) => id)).size).toBe(findings.length);
      expect(scanner.id).toMatch(/\w/);
      expect(databaseUpdatedAtMs).toBeLessThanOrEqual(Date.now());
    });

    it('lists what is in the image as CycloneDX', async () => {
      const { sbom } = await scan('vulnerable');
      const document = JSON.parse(sbom.toString('utf8'));
      expect(document.bomFormat).toBe('CycloneDX');
      expect(document.components).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ version: harness.vulnerable.version }),
        ]),
      );
    });

    it('says what it could not judge instead of calling it clean', async () => {
      const { findings, notCovered } = await scan('opaque');
      expect(findings).toEqual([]);
      expect(notCovered.length).toBeGreaterThan(0);
    });
  });
}
