import { dockerfileError, Instruction, ParsedDockerfile } from './lines';
import { expandWord, splitWords, WordError } from './words';

/** `FROM` and what follows it. */
export interface Stage {
  index: number;
  name?: string;
  /** An image, `scratch`, or the name of an earlier stage. */
  from: string;
  platform?: string;
  line: number;
  instructions: Instruction[];
}

/** A file split into stages. */
export interface StagedDockerfile {
  stages: Stage[];
  /** ARGs before the first FROM, which only FROM lines see. */
  globals: Map<string, string>;
  escape: string;
}

/** Runs a reader of words and gives its errors a place. */
export function atLine<T>(file: string, line: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof WordError) {
      throw dockerfileError(file, line, error.message);
    }
    throw error;
  }
}

/** `NAME` or `NAME=default`. */
export function splitArg(word: string): { name: string; value?: string } {
  const equals = word.indexOf('=');
  return equals < 0
    ? { name: word }
    : { name: word.slice(0, equals), value: word.slice(equals + 1) };
}

function readFrom(
  instruction: Instruction,
  index: number,
  file: string,
  expand: (word: string) => string,
  escape: string,
): Stage {
  const { line, flags, rest } = instruction;
  const words = splitWords(rest, escape);
  const hasName = words.length === 3 && words[1].toUpperCase() === 'AS';
  if (words.length !== 1 && !hasName) {
    throw dockerfileError(
      file,
      line,
      'FROM needs an image, and may name the stage: FROM image AS name',
    );
  }
  const unknown = flags.find(({ name }) => name !== 'platform');
  if (unknown) {
    throw dockerfileError(file, line, `FROM has no option --${unknown.name}`);
  }
  const name = hasName ? words[2].toLowerCase() : undefined;
  if (name !== undefined && !/^[a-z][a-z0-9_.-]*$/.test(name)) {
    throw dockerfileError(file, line, `"${words[2]}" is not a stage's name`);
  }
  const from = expand(words[0]);
  if (from === '') {
    throw dockerfileError(
      file,
      line,
      `the base image "${words[0]}" is empty; give its ARG a default or a value in images[].build.args`,
    );
  }
  return {
    index,
    ...(name && { name }),
    from,
    ...(flags[0] && { platform: expand(flags[0].value) }),
    line,
    instructions: [],
  };
}

/**
 * Errors: `InputError` with file and line.
 */
export function splitStages(
  parsed: ParsedDockerfile,
  file: string,
  args: Record<string, string>,
  predefined: ReadonlyMap<string, string>,
): StagedDockerfile {
  const { escape } = parsed;
  const globals = new Map<string, string>(predefined);
  const declared = new Map<string, string>();
  const stages: Stage[] = [];
  for (const instruction of parsed.instructions) {
    const { keyword, line, rest } = instruction;
    const expand = (word: string) =>
      atLine(file, line, () => expandWord(word, globals, escape));
    if (keyword === 'FROM') {
      stages.push(readFrom(instruction, stages.length, file, expand, escape));
    } else if (stages.length > 0) {
      stages[stages.length - 1].instructions.push(instruction);
    } else if (keyword === 'ARG') {
      for (const word of splitWords(rest, escape)) {
        const { name, value } = splitArg(word);
        const given =
          args[name] ?? (value === undefined ? undefined : expand(value));
        if (given !== undefined) {
          globals.set(name, given);
          declared.set(name, given);
        }
      }
    } else {
      throw dockerfileError(
        file,
        line,
        `${keyword} comes before the first FROM; only ARG may`,
      );
    }
  }
  if (stages.length === 0) {
    throw dockerfileError(file, 1, 'there is no FROM instruction');
  }
  return { stages, globals: declared, escape };
}

/** The stage that a `FROM` or `--from` means, among the earlier ones. */
export function findStage(
  stages: readonly Stage[],
  text: string,
  before: number,
): Stage | undefined {
  const earlier = stages.slice(0, before);
  const name = text.toLowerCase();
  return (
    [...earlier].reverse().find(stage => stage.name === name) ??
    (/^\d+$/.test(text) ? earlier[Number(text)] : undefined)
  );
}

/** The wanted stage: by name or number, the last one when nothing is said. */
export function targetStage(
  { stages }: StagedDockerfile,
  file: string,
  target: string | undefined,
): Stage {
  if (target === undefined) {
    return stages[stages.length - 1];
  }
  const found = findStage(stages, target, stages.length);
  if (!found) {
    throw dockerfileError(
      file,
      1,
      `there is no stage "${target}"; stages: ${stages
        .map(stage => stage.name ?? stage.index)
        .join(', ')}`,
    );
  }
  return found;
}

/** The stages that the target is made from, in their order. */
export function neededStages(
  { stages }: StagedDockerfile,
  target: Stage,
): Stage[] {
  const needed = new Set<Stage>();
  const pending = [target];
  while (pending.length > 0) {
    const stage = pending.pop()!;
    if (needed.has(stage)) {
      continue;
    }
    needed.add(stage);
    const sources = stage.instructions.flatMap(({ flags }) =>
      flags.filter(({ name }) => name === 'from').map(({ value }) => value),
    );
    for (const text of [stage.from, ...sources]) {
      const found = findStage(stages, text, stage.index);
      if (found) {
        pending.push(found);
      }
    }
  }
  return stages.filter(stage => needed.has(stage));
}

/** Images from outside the file that these stages begin with or copy from. */
export function outsideImages(
  { stages }: StagedDockerfile,
  needed: readonly Stage[],
): string[] {
  const names = needed.flatMap(stage =>
    [
      stage.from,
      ...stage.instructions.flatMap(({ flags }) =>
        flags.filter(({ name }) => name === 'from').map(({ value }) => value),
      ),
    ].filter(
      text => text !== 'scratch' && !findStage(stages, text, stage.index),
    ),
  );
  return [...new Set(names)].sort();
}
