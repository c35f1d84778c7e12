import { posix } from 'node:path';
import {
  LayerEntry,
  writeLayer,
} from '@slipway/backstage-plugin-delivery-node';
import { addLayer } from '../image';
import { copyEntries } from './copy';
import { ImageTree } from './imageTree';
import { dockerfileError, Instruction } from './lines';
import { applyToConfig, InstructionContext, readPairs } from './runConfig';
import { atLine, splitArg, Stage } from './stages';
import { BuiltStage, StageEnvironment, StageSources } from './stageTypes';
import { expandWord, splitWords } from './words';

const LAYER_MAX_BYTES = 2 * 1024 ** 3;

/** One stage from its start to its end. */
export class StageRun {
  private readonly variables: Map<string, string>;
  private readonly args = new Set<string>();
  private readonly commandState = { isCommandOurs: false };
  /** Folders that WORKDIR made, written with the next layer. */
  private pending: LayerEntry[] = [];
  private tree: ImageTree | undefined;

  constructor(
    private readonly build: StageSources,
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
      this.build.usedArgs.add(name);
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
      ? await this.build.sourceOf(from, this.stage, instruction.line)
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
