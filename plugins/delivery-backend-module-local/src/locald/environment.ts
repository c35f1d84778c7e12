import { delimiter, dirname } from 'node:path';
import { InputError } from '@backstage/errors';
import { EnvEntry } from './protocol';
import { Secrets, missingSecret, secretValue } from './secrets';

/*
 * What a service's process sees: nothing of ours. The image's variables, the
 * manifest's, and what only this machine can know: PORT, where the other
 * services are, and the few variables without which no process runs.
 */

/** Mark of our processes; how lost ones are found after a crash. */
export const MARK_VARIABLE = 'SLIPWAY_LOCALD';

/** `checkout-api` to `CHECKOUT_API_SERVICE_URL`. */
export function serviceUrlVariable(name: string): string {
  return `${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_SERVICE_URL`;
}

/**
 * A URL of a service's cluster name, `http://pricing` or
 * `http://pricing.shop.svc.cluster.local:80/v1`, where that service is one of
 * the peers: its local URL. Anything else is given back as it is.
 */
export function localiseUrl(
  value: string,
  peers: ReadonlyMap<string, string>,
): string {
  const match =
    /^http:\/\/([a-z0-9-]+)(?:\.[a-z0-9-]+)?(?:\.svc(?:\.cluster\.local)?)?(?::\d+)?(\/.*)?$/.exec(
      value,
    );
  const url = match && peers.get(match[1]);
  return url ? `${url}${match[2] ?? ''}` : value;
}

/** Kubernetes' `$(NAME)`, of variables that were set before; `$$` is `$`. */
export function expand(
  text: string,
  variables: Readonly<Record<string, string>>,
): string {
  return text.replace(/\$\$|\$\(([A-Za-z_][\w.-]*)\)/g, (whole, name) => {
    if (whole === '$$') {
      return '$';
    }
    return variables[name] ?? whole;
  });
}

export interface EnvironmentInput {
  image: string[];
  entries: EnvEntry[];
  /** Service name to URL. */
  peers: ReadonlyMap<string, string>;
  secrets: Secrets;
  instance: string;
  environment: string;
  port: number | undefined;
  homeDirectory: string;
  mark: string;
}

/** Errors: `InputError` naming a secret or key that is missing. */
export function buildEnvironment(
  input: EnvironmentInput,
): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const line of input.image) {
    const equals = line.indexOf('=');
    if (equals > 0) {
      variables[line.slice(0, equals)] = line.slice(equals + 1);
    }
  }
  for (const [name, url] of input.peers) {
    variables[serviceUrlVariable(name)] = url;
  }
  // Where the manifest uses PORT in another variable it must be known before.
  if (input.port !== undefined) {
    variables.PORT = `${input.port}`;
  }
  for (const entry of input.entries) {
    const value = valueOf(entry, input);
    if (value !== undefined) {
      variables[entry.name] = localiseUrl(
        expand(value, variables),
        input.peers,
      );
    }
  }
  return {
    ...variables,
    ...(input.port !== undefined && { PORT: `${input.port}` }),
    ...(process.platform === 'win32' && {
      SystemRoot: process.env.SystemRoot ?? 'C:\\Windows',
    }),
    PATH: [
      dirname(process.execPath),
      '/usr/local/bin',
      '/usr/bin',
      '/bin',
    ].join(delimiter),
    HOME: input.homeDirectory,
    TMPDIR: input.homeDirectory,
    HOSTNAME: input.instance,
    [MARK_VARIABLE]: input.mark,
  };
}

function valueOf(entry: EnvEntry, input: EnvironmentInput): string | undefined {
  if (entry.secret) {
    const value = secretValue(input.secrets, entry.secret);
    if (value === undefined && !entry.secret.optional) {
      throw new InputError(
        missingSecret(entry.name, entry.secret, input.environment),
      );
    }
    return value;
  }
  switch (entry.field) {
    case 'name':
      return input.instance;
    case 'environment':
      return input.environment;
    case 'address':
      return '127.0.0.1';
    default:
      return entry.value;
  }
}
