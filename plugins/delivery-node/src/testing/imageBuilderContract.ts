import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { BuildModel } from '@slipway/backstage-plugin-delivery-common';
import { OciLayout } from '../oci';
import { BuildResult, ImageBuilder, RegistryAccess, Workspace } from '../ports';

/** @public */
export interface ImageBuilderHarness {
  builder: ImageBuilder;
  registry: RegistryAccess;
  /** An empty folder for the layouts of these tests. */
  directory: string;
  /**
   * A workspace that the builder can build, in a folder of its own. `text`
   * ends up in a file of the image; everything else is always the same.
   */
  buildable(text: string): Promise<{ workspace: Workspace; build: BuildModel }>;
  /** One that it has to refuse; absent: it builds everything. */
  unbuildable?(): Promise<{ workspace: Workspace; build: BuildModel }>;
  close(): Promise<void>;
}

/**
 * What every `ImageBuilder` adapter promises.
 *
 * @public
 */
export function describeImageBuilderContract(
  name: string,
  createHarness: () => Promise<ImageBuilderHarness>,
): void {
  describe(`${name} keeps the contract of ImageBuilder`, () => {
    let harness: ImageBuilderHarness;
    let layouts = 0;
    beforeAll(async () => {
      harness = await createHarness();
    });
    afterAll(async () => {
      await harness?.close();
    });

    async function build(
      input: { workspace: Workspace; build: BuildModel },
      signal: AbortSignal = new AbortController().signal,
    ): Promise<{ result: BuildResult; layout: string; lines: string[] }> {
      layouts += 1;
      const layout = join(harness.directory, `layout-${layouts}`);
      await mkdir(layout, { recursive: true });
      const lines: string[] = [];
      const result = await harness.builder.build({
        service: 'component:default/sample',
        image: 'app',
        ...input,
        registry: harness.registry,
        layout,
        annotations: { 'org.opencontainers.image.revision': '1'.repeat(40) },
        sourceDateEpoch: 1_700_000_000,
        log: line => lines.push(line),
        signal,
      });
      return { result, layout, lines };
    }

    it('writes an OCI layout that holds all of the image it names', async () => {
      const input = await harness.buildable('hello');
      expect(
        await harness.builder.refuses(input.build, input.workspace),
      ).toBeUndefined();
      const { result, layout: directory, lines } = await build(input);
      const layout = await OciLayout.open(directory);
      const { manifest } = await layout.readManifest(result.digest);
      expect(manifest.mediaType).toBe(result.mediaType);
      const blobs =
        manifest.kind === 'manifest'
          ? [manifest.config, ...manifest.layers]
          : manifest.manifests;
      for (const blob of blobs) {
        await layout.verifyBlob(blob);
      }
      expect(result.sizeBytes).toBeGreaterThan(0);
      expect(result.builder.id).toMatch(/\w/);
      expect(Object.keys(result.inputs)).not.toEqual([]);
      expect(lines.length).toBeGreaterThan(0);
    });

    it('gives the same digest for the same content, wherever it lies, and another for another', async () => {
      const first = await build(await harness.buildable('hello'));
      const second = await build(await harness.buildable('hello'));
      const other = await build(await harness.buildable('good-bye'));
      expect(second.result.digest).toBe(first.result.digest);
      expect(second.result.inputs).toEqual(first.result.inputs);
      expect(other.result.digest).not.toBe(first.result.digest);
    });

    it('says beforehand what it cannot build', async () => {
      const input = await harness.unbuildable?.();
      if (input) {
        expect(
          await harness.builder.refuses(input.build, input.workspace),
        ).toMatch(/\w+ \w+/);
      }
    });

    it('ends when it is told to', async () => {
      const input = await harness.buildable('hello');
      await expect(build(input, AbortSignal.abort())).rejects.toThrow();
    });
  });
}
