import { mkdir } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { InputError } from '@backstage/errors';
import {
  BuildRequest,
  LayerEntry,
  OciLayout,
  unpackImage,
  writeLayer,
} from '@slipway/backstage-plugin-delivery-node';
import { BaseImage, pullBase } from '../base';
import { ContextEntry, parseDockerignore, readContext } from '../context';
import { addLayer, emptyImage, ImageState, localArchitecture } from '../image';
import { LayerCache } from '../layerCache';
import { copyEntries } from './copy';
import { ImageTree } from './imageTree';
import { dockerfileError, Instruction } from './lines';
import { applyToConfig, InstructionContext, readPairs } from './runConfig';
import { atLine, findStage, splitArg, Stage, StagedDockerfile } from './stages';
import { expandWord, splitWords } from './words';

const LAYER_MAX_BYTES = 2 * 1024 ** 3;

/** What all stages of one build share. */
export interface StageEnvironment {
  request: BuildRequest;
  file: string;
  dockerfile: StagedDockerfile;
  predefined: ReadonlyMap<string, string>;
  context: readonly ContextEntry[];
  layout: OciLayout;
  cache: LayerCache;
  /** A folder for unpacked stages, thrown away after the build. */
  scratch: string;
}

/** A stage that is built. */
export interface BuiltStage {
  image: ImageState;
  /** The image that it started from, through other stages too. */
  base?: BaseImage;
}

/** Builds the stages of one file, each once. */
export class StageBuilder {
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

  /** What `COPY --from` reads: an earlier stage, or an image, unpacked. */
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

/** One stage from its start to its end. */
class StageRun {
  private readonly variables: Map<string, string>;
  private readonly args = new Set<string>();
  private readonly commandState = { isCommandOurs: false };
  /** Folders that WORKDIR made, written with the next layer. */
  private pending: LayerEntry[] = [];
  private tree: ImageTree | undefined;

  constructor(
    private readonly builder: StageBuilder,
    private readonly environment: StageEnvironment,
    private readonly stage: Stage,
    private readonly state: BuiltStage,
  ) {
    this.variables = new Map(
      (state.image.config.Env ?? []).map(pair => {
        const { name, value = '' } = splitArg(pair);
        return [name, value];
      }),
    );
  }

  async run(): Promise<void> {
    const { request } = this.environment;
    for (const instruction of this.stage.instructions) {
      request.signal.throwIfAborted();
      request.log(
        `${this.environment.file}:${instruction.line}: ${instruction.keyword} ${instruction.rest}`,
      );
      await this.carryOut(instruction);
    }
    await this.writePending('WORKDIR');
  }

  private context(): InstructionContext {
    return {
      file: this.environment.file,
      escape: this.environment.dockerfile.escape,
      variables: this.variables,
    };
  }

  private async carryOut(instruction: Instruction): Promise<void> {
    const { config } = this.state.image;
    const context = this.context();
    switch (instruction.keyword) {
      case 'ARG':
        this.declare(instruction, context);
        return;
      case 'ENV':
        this.setEnvironment(readPairs(instruction, context));
        this.note(instruction);
        return;
      case 'MAINTAINER':
        this.state.image.author = instruction.rest;
        this.note(instruction);
        return;
      case 'WORKDIR':
        await this.changeFolder(instruction, context);
        this.note(instruction);
        return;
      case 'COPY':
      case 'ADD':
        await this.copy(instruction, context);
        return;
      default:
        if (!applyToConfig(instruction, config, context, this.commandState)) {
          throw dockerfileError(
            context.file,
            instruction.line,
            `${instruction.keyword} is not supported by the embedded builder`,
          );
        }
        this.note(instruction);
    }
  }

  /** Names set by ENV win over arguments of the same name. */
  private declare(instruction: Instruction, context: InstructionContext) {
    const { request, dockerfile, predefined } = this.environment;
    for (const word of splitWords(instruction.rest, context.escape)) {
      const { name, value } = splitArg(word);
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
        throw dockerfileError(
          context.file,
          instruction.line,
          `"${name}" is not a name for an ARG`,
        );
      }
      this.builder.usedArgs.add(name);
      const given =
        request.build.args[name] ??
        (value === undefined
          ? dockerfile.globals.get(name) ?? predefined.get(name)
          : atLine(context.file, instruction.line, () =>
              expandWord(value, this.variables, context.escape),
            ));
      const isEnvironment = this.variables.has(name) && !this.args.has(name);
      if (given !== undefined && !isEnvironment) {
        this.variables.set(name, given);
        this.args.add(name);
      }
    }
  }

  private setEnvironment(pairs: Array<[string, string]>): void {
    const { config } = this.state.image;
    const all = new Map(
      (config.Env ?? []).map(pair => {
        const { name, value = '' } = splitArg(pair);
        return [name, value];
      }),
    );
    for (const [name, value] of pairs) {
      all.set(name, value);
      this.variables.set(name, value);
      this.args.delete(name);
    }
    config.Env = [...all].map(([name, value]) => `${name}=${value}`);
  }

  private async changeFolder(
    instruction: Instruction,
    context: InstructionContext,
  ): Promise<void> {
    const { config } = this.state.image;
    const text = atLine(context.file, instruction.line, () =>
      expandWord(instruction.rest, this.variables, context.escape),
    );
    config.WorkingDir = posix.resolve('/', config.WorkingDir ?? '', text);
    const tree = await this.imageTree();
    const path = tree.resolve(config.WorkingDir);
    if (!tree.isFolder(path)) {
      const folder: LayerEntry = { type: 'directory', path };
      this.pending.push(folder);
      tree.add([folder]);
    }
  }

  private async copy(
    instruction: Instruction,
    context: InstructionContext,
  ): Promise<void> {
    const from = instruction.flags.find(({ name }) => name === 'from')?.value;
    const source = from
      ? await this.builder.sourceOf(from, this.stage, instruction.line)
      : this.environment.context;
    const tree = await this.imageTree();
    const entries = await copyEntries({
      instruction,
      context,
      source,
      sourceName: from ? `"${from}"` : 'the build context',
      tree,
      workingDirectory: (this.state.image.config.WorkingDir ?? '/').slice(1),
    });
    await this.write(entries, `${instruction.keyword} ${instruction.rest}`);
  }

  private async imageTree(): Promise<ImageTree> {
    const { layout, request } = this.environment;
    this.tree =
      this.tree ??
      (await ImageTree.read(layout, this.state.image.layers, request.signal));
    return this.tree;
  }

  private async writePending(what: string): Promise<void> {
    if (this.pending.length > 0) {
      await this.write([], what);
    }
  }

  private async write(entries: LayerEntry[], what: string): Promise<void> {
    const { layout, request } = this.environment;
    const tree = await this.imageTree();
    const all = [...this.pending, ...entries];
    const ours = new Set(this.pending.map(({ path }) => path));
    this.pending = [];
    const layer = await writeLayer(layout, all, {
      mtimeSeconds: request.sourceDateEpoch,
      maxBytes: LAYER_MAX_BYTES,
      signal: request.signal,
      isLowerFolder: path => !ours.has(path) && tree.isFolder(path),
    });
    tree.add(all);
    addLayer(this.state.image, layer, {
      created: this.created(),
      created_by: what,
    });
  }

  private created(): string {
    const { sourceDateEpoch } = this.environment.request;
    return new Date(sourceDateEpoch * 1000).toISOString();
  }

  private note({ keyword, rest }: Instruction): void {
    this.state.image.history.push({
      created: this.created(),
      created_by: `${keyword} ${rest}`,
      empty_layer: true,
    });
  }
}
