import { RunConfig } from '../image';
import { dockerfileError, Instruction } from './lines';
import { expandWord, parseJsonWords, splitWords, Variables } from './words';
import { atLine } from './stages';

/** What an instruction about how the image runs is read with. */
export interface InstructionContext {
  file: string;
  escape: string;
  variables: Variables;
}

const DEFAULT_SHELL = ['/bin/sh', '-c'];
const NANOSECONDS: Record<string, number> = {
  ns: 1,
  us: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

function fail(context: InstructionContext, line: number, message: string) {
  return dockerfileError(context.file, line, message);
}

function expandAll(
  { line, rest }: Instruction,
  context: InstructionContext,
): string[] {
  const words = parseJsonWords(rest) ?? splitWords(rest, context.escape);
  return atLine(context.file, line, () =>
    words.map(word => expandWord(word, context.variables, context.escape)),
  );
}

/** `a=1 b="x y"`, or the old `a the rest of the line`. */
export function readPairs(
  { line, rest, keyword }: Instruction,
  context: InstructionContext,
): Array<[string, string]> {
  const { escape, variables, file } = context;
  const expand = (word: string) =>
    atLine(file, line, () => expandWord(word, variables, escape));
  const words = splitWords(rest, escape);
  if (!words[0]?.includes('=')) {
    const match = /^(\S+)\s+([\s\S]+)$/.exec(rest);
    if (!match) {
      throw fail(context, line, `${keyword} needs a name and a value`);
    }
    return [[expand(match[1]), expand(match[2])]];
  }
  return words.map(word => {
    const equals = word.indexOf('=');
    if (equals <= 0) {
      throw fail(
        context,
        line,
        `${keyword}: "${word.slice(0, 60)}" is not name=value`,
      );
    }
    return [expand(word.slice(0, equals)), expand(word.slice(equals + 1))];
  });
}

function command(rest: string, config: RunConfig): string[] {
  return parseJsonWords(rest) ?? [...(config.Shell ?? DEFAULT_SHELL), rest];
}

function duration(text: string, context: InstructionContext, line: number) {
  if (!/^(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|ms|s|m|h))+$/.test(text)) {
    throw fail(
      context,
      line,
      `"${text}" is not a duration such as 30s or 1m30s`,
    );
  }
  let total = 0;
  for (const [, number, unit] of text.matchAll(
    /([0-9]+(?:\.[0-9]+)?)(ns|us|ms|s|m|h)/g,
  )) {
    total += Number(number) * NANOSECONDS[unit];
  }
  return Math.round(total);
}

function healthcheck(
  instruction: Instruction,
  config: RunConfig,
  context: InstructionContext,
): RunConfig['Healthcheck'] {
  const { line, rest, flags } = instruction;
  const match = /^(\S+)(?:\s+([\s\S]+))?$/.exec(rest);
  const kind = match?.[1].toUpperCase();
  const text = match?.[2];
  if (kind === 'NONE' && text === undefined) {
    return { Test: ['NONE'] };
  }
  if (kind !== 'CMD' || text === undefined) {
    throw fail(context, line, 'HEALTHCHECK needs CMD and a command, or NONE');
  }
  const words = parseJsonWords(text);
  const time = (name: string) => {
    const flag = flags.find(found => found.name === name);
    return flag && duration(flag.value, context, line);
  };
  const retries = flags.find(({ name }) => name === 'retries')?.value;
  if (retries !== undefined && !/^[0-9]{1,6}$/.test(retries)) {
    throw fail(context, line, `--retries is "${retries}", not a number`);
  }
  const found = {
    Interval: time('interval'),
    Timeout: time('timeout'),
    StartPeriod: time('start-period'),
    StartInterval: time('start-interval'),
    Retries: retries === undefined ? undefined : Number(retries),
  };
  return {
    Test: words
      ? ['CMD', ...words]
      : [config.Shell ? 'CMD' : 'CMD-SHELL', ...(config.Shell ?? []), text],
    ...Object.fromEntries(
      Object.entries(found).filter(([, value]) => value !== undefined),
    ),
  };
}

function ports(
  instruction: Instruction,
  context: InstructionContext,
): Record<string, object> {
  const found: Record<string, object> = {};
  for (const word of expandAll(instruction, context)) {
    const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(
      word,
    );
    const from = Number(match?.[1]);
    const to = Number(match?.[2] ?? match?.[1]);
    if (!match || from < 1 || to > 65535 || to < from) {
      throw fail(
        context,
        instruction.line,
        `EXPOSE: "${word}" is not a port such as 8080 or 53/udp`,
      );
    }
    for (let port = from; port <= to; port += 1) {
      found[`${port}/${(match[3] ?? 'tcp').toLowerCase()}`] = {};
    }
  }
  return found;
}

/**
 * Carries out the instructions that only change how the image runs. Returns
 * false for those that do more.
 *
 * Errors: `InputError` with file and line.
 */
export function applyToConfig(
  instruction: Instruction,
  config: RunConfig,
  context: InstructionContext,
  state: { isCommandOurs: boolean },
): boolean {
  const { keyword, line, rest } = instruction;
  const one = () => {
    const words = expandAll(instruction, context);
    if (words.length !== 1) {
      throw fail(context, line, `${keyword} needs exactly one argument`);
    }
    return words[0];
  };
  switch (keyword) {
    case 'CMD':
      config.Cmd = command(rest, config);
      state.isCommandOurs = true;
      return true;
    case 'ENTRYPOINT':
      config.Entrypoint = command(rest, config);
      // The base's arguments were meant for the base's program.
      if (!state.isCommandOurs) {
        delete config.Cmd;
      }
      return true;
    case 'EXPOSE':
      config.ExposedPorts = {
        ...config.ExposedPorts,
        ...ports(instruction, context),
      };
      return true;
    case 'USER':
      config.User = one();
      return true;
    case 'LABEL':
      config.Labels = {
        ...config.Labels,
        ...Object.fromEntries(readPairs(instruction, context)),
      };
      return true;
    case 'STOPSIGNAL':
      config.StopSignal = one();
      if (!/^(?:SIG[A-Z0-9+-]+|[0-9]{1,2})$/.test(config.StopSignal)) {
        throw fail(context, line, `"${config.StopSignal}" is not a signal`);
      }
      return true;
    case 'HEALTHCHECK':
      config.Healthcheck = healthcheck(instruction, config, context);
      return true;
    case 'SHELL': {
      const words = parseJsonWords(rest);
      if (!words?.length) {
        throw fail(context, line, 'SHELL needs a JSON list of strings');
      }
      config.Shell = words;
      return true;
    }
    case 'VOLUME':
      config.Volumes = {
        ...config.Volumes,
        ...Object.fromEntries(
          expandAll(instruction, context).map(path => [path, {}]),
        ),
      };
      return true;
    default:
      return false;
  }
}
