import { parseArgs } from 'node:util';

/** The command line is wrong; the message says what was expected. */
export class UsageError extends Error {
  readonly name = 'UsageError';
}

export interface Arguments {
  command:
    | 'release'
    | 'status'
    | 'check'
    | 'wait'
    | 'rollback'
    | 'scale'
    | 'help';
  operands: string[];
  service?: string;
  environment?: string;
  to?: string;
  /** As it was typed. */
  replicas?: string;
  reason?: string;
  wait: boolean;
  /** The page of the command is asked for, nothing is done. */
  help: boolean;
  /** How long to wait at most. */
  timeoutMs: number;
  json: boolean;
}

const COMMANDS = [
  'release',
  'status',
  'check',
  'wait',
  'rollback',
  'scale',
  'help',
] as const;
const DEFAULT_TIMEOUT_MS = 30 * 60_000;
const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** Errors: `UsageError`. */
export function parseArguments(argv: string[]): Arguments {
  const { values, positionals } = parse(argv);
  const [command = 'help', ...operands] = positionals;
  const known = COMMANDS.find(name => name === command);
  if (!known) {
    throw new UsageError(
      `Unknown command "${command}": expected one of ${COMMANDS.join(', ')}`,
    );
  }
  return {
    command: known,
    operands,
    service: values.service && serviceRef(values.service),
    environment: values.environment,
    to: values.to,
    replicas: values.replicas,
    reason: values.reason,
    wait: values.wait ?? false,
    help: known === 'help' || (values.help ?? false),
    timeoutMs:
      values.timeout === undefined
        ? DEFAULT_TIMEOUT_MS
        : duration(values.timeout),
    json: values.json ?? false,
  };
}

function parse(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        service: { type: 'string', short: 's' },
        environment: { type: 'string', short: 'e' },
        to: { type: 'string' },
        replicas: { type: 'string' },
        reason: { type: 'string' },
        wait: { type: 'boolean' },
        timeout: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    // parseArgs throws TypeErrors whose messages name the option.
    throw new UsageError(error instanceof Error ? error.message : `${error}`);
  }
}

/** A bare name means a component of the default namespace. */
function serviceRef(text: string): string {
  const match = /^(?:([^:/\s]+):)?(?:([^:/\s]+)\/)?([^:/\s]+)$/.exec(text);
  if (!match) {
    throw new UsageError(
      `Invalid --service "${text}": expected an entity ref such as component:default/checkout`,
    );
  }
  const [, kind = 'component', namespace = 'default', name] = match;
  return `${kind}:${namespace}/${name}`.toLocaleLowerCase('en-US');
}

function duration(text: string): number {
  const match = /^(\d{1,6})([smh])$/.exec(text);
  if (!match) {
    throw new UsageError(
      `Invalid --timeout "${text}": expected a number with a unit, such as 90s, 30m or 2h`,
    );
  }
  return Number(match[1]) * UNITS[match[2]];
}

export function required(value: string | undefined, name: string): string {
  if (value === undefined || value === '') {
    throw new UsageError(`${name} is missing`);
  }
  return value;
}
