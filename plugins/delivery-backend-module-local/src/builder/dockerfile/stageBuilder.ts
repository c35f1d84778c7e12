import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '@backstage/errors';
import { unpackImage } from '@slipway/backstage-plugin-delivery-node';
import { BaseImage, pullBase } from '../base';
import { ContextEntry, parseDockerignore, readContext } from '../context';
import { emptyImage, localArchitecture } from '../image';
import { dockerfileError } from './lines';
import { findStage, Stage } from './stages';
import { StageRun } from './stageRun';
import { BuiltStage, StageEnvironment, StageSources } from './stageTypes';

/** Builds the stages of one file, each once. */
export class StageBuilder implements StageSources {
  private readonly built = new Map<number, BuiltStage>();
  private readonly sources = new Map<string, readonly ContextEntry[]>();
  readonly bases = new Map<string, BaseImage>();
  readonly usedArgs = new Set<string>();

  constructor(private readonly environment: StageEnvironment) {}

  async build(stage: Stage): Promise<BuiltStage> {
    const known = this.built.get(stage.index);
    if (known) {
      return known;
    }
    const start = await this.start(stage);
    const run = new StageRun(this, this.environment, stage, start);
    await run.run();
    this.built.set(stage.index, start);
    return start;
  }

  private async start(stage: Stage): Promise<BuiltStage> {
    const { dockerfile, file } = this.environment;
    this.checkPlatform(stage);
    if (stage.from === 'scratch') {
      return { image: emptyImage() };
    }
    const earlier = findStage(dockerfile.stages, stage.from, stage.index);
    if (earlier) {
      const { image, base } = await this.build(earlier);
      return { image: structuredClone(image), ...(base && { base }) };
    }
    const base = await this.pull(stage.from, file, stage.line);
    if (base.state.config.OnBuild?.length) {
      throw dockerfileError(
        file,
        stage.line,
        `base image "${stage.from}" has ONBUILD instructions, which the embedded builder does not run`,
      );
    }
    return { image: structuredClone(base.state), base };
  }

  private checkPlatform({ platform, line }: Stage): void {
    const ours = `linux/${localArchitecture()}`;
    if (platform !== undefined && platform !== ours) {
      throw dockerfileError(
        this.environment.file,
        line,
        `FROM --platform=${platform}: the embedded builder makes images for ${ours} only`,
      );
    }
  }

  private async pull(reference: string, file: string, line: number) {
    const { request, cache, layout } = this.environment;
    const known = this.bases.get(reference);
    if (known) {
      return known;
    }
    try {
      request.log(`Base image ${reference}`);
      const base = await pullBase(reference, {
        registry: request.registry,
        cache: cache.blobs,
        layout,
        signal: request.signal,
      });
      this.bases.set(reference, base);
      return base;
    } catch (error) {
      if (error instanceof InputError) {
        throw dockerfileError(file, line, error.message);
      }
      throw error;
    }
  }

  async sourceOf(
    text: string,
    before: Stage,
    line: number,
  ): Promise<readonly ContextEntry[]> {
    const { dockerfile, file, layout, scratch, request } = this.environment;
    const stage = findStage(dockerfile.stages, text, before.index);
    const key = stage ? `stage-${stage.index}` : text;
    const known = this.sources.get(key);
    if (known) {
      return known;
    }
    const image = stage
      ? (await this.build(stage)).image
      : (await this.pull(text, file, line)).state;
    const root = join(scratch, `source-${this.sources.size}`);
    await mkdir(root, { recursive: true });
    await unpackImage(
      layout,
      {
        kind: 'manifest',
        mediaType: '',
        config: image.layers[0],
        layers: image.layers,
        annotations: {},
      },
      root,
      { absoluteLinks: 'rebase', signal: request.signal },
    );
    const entries = await readContext(root, {
      ignores: parseDockerignore(''),
      limits: { maxEntries: 300_000, maxBytes: 8 * 1024 ** 3 },
      signal: request.signal,
    });
    this.sources.set(key, entries);
    return entries;
  }
}
