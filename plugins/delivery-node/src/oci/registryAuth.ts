import { AuthenticationError, InputError } from '@backstage/errors';

const DEFAULT_TOKEN_SECONDS = 60;
const TOKEN_MARGIN_MS = 5_000;

/** @public */
export interface RegistryCredentials {
  username: string;
  password: string;
}

interface Challenge {
  scheme: string;
  parameters: Record<string, string>;
}

/**
 * Reads a `WWW-Authenticate` header. Source: RFC 9110 section 11.6.1.
 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  const pattern =
    /([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|([A-Za-z0-9_-]+)/g;
  for (const match of header.matchAll(pattern)) {
    const [, name, quoted, plain, scheme] = match;
    if (scheme) {
      challenges.push({ scheme: scheme.toLowerCase(), parameters: {} });
    } else if (challenges.length > 0) {
      challenges[challenges.length - 1].parameters[name.toLowerCase()] =
        quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1');
    }
  }
  return challenges;
}

function basic({ username, password }: RegistryCredentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/**
 * Answers the challenges of one registry: Basic, and Bearer tokens as the
 * distribution project's token specification describes them. Keeps tokens for
 * as long as they are good; never writes them anywhere.
 */
export class RegistryAuth {
  private readonly tokens = new Map<
    string,
    { value: string; expiresAtMs: number }
  >();
  private readonly headers = new Map<string, string>();

  constructor(
    private readonly registry: URL,
    private readonly credentials:
      | (() => Promise<RegistryCredentials | undefined>)
      | undefined,
    private readonly fetchFn: typeof fetch,
  ) {}

  /** What to send at first: what worked for the same scope before. */
  known(scope: string): string | undefined {
    const token = this.tokens.get(scope);
    if (token && token.expiresAtMs > Date.now()) {
      return `Bearer ${token.value}`;
    }
    return this.headers.get(scope);
  }

  /**
   * What to send after a 401.
   *
   * Errors: `AuthenticationError` when the registry wants something that we
   * do not have.
   */
  async answer(
    header: string | undefined,
    scope: string,
    signal: AbortSignal,
  ): Promise<string> {
    const challenges = parseChallenges(header ?? '');
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer) {
      const token = await this.fetchToken(bearer, scope, signal);
      this.tokens.set(scope, token);
      return `Bearer ${token.value}`;
    }
    const credentials = await this.credentials?.();
    if (!credentials) {
      throw new AuthenticationError(
        `Registry ${this.registry.host} asks for credentials and none are configured for it`,
      );
    }
    const value = basic(credentials);
    this.headers.set(scope, value);
    return value;
  }

  /** Forgets what turned out to be refused. */
  forget(scope: string): void {
    this.tokens.delete(scope);
    this.headers.delete(scope);
  }

  private async fetchToken(
    challenge: Challenge,
    scope: string,
    signal: AbortSignal,
  ) {
    const { realm, service } = challenge.parameters;
    if (!realm || !URL.canParse(realm)) {
      throw new InputError(
        `Registry ${this.registry.host} names no usable token service`,
      );
    }
    const url = new URL(realm);
    const isPlain = url.protocol === 'http:';
    if (
      (url.protocol !== 'https:' && !isPlain) ||
      (isPlain && this.registry.protocol === 'https:')
    ) {
      throw new InputError(
        `Registry ${this.registry.host} names the token service ${url.origin}, which is less secure than the registry itself`,
      );
    }
    if (service) {
      url.searchParams.set('service', service);
    }
    for (const part of scope.split(' ').filter(Boolean)) {
      url.searchParams.append('scope', part);
    }
    const credentials = await this.credentials?.();
    const response = await this.fetchFn(url, {
      headers: credentials ? { authorization: basic(credentials) } : {},
      redirect: 'error',
      signal,
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new AuthenticationError(
        `The token service ${url.host} of registry ${this.registry.host} answered ${response.status}; check the credentials of this registry`,
      );
    }
    const body: {
      token?: unknown;
      access_token?: unknown;
      expires_in?: unknown;
    } = await response.json();
    const value = body.token ?? body.access_token;
    if (typeof value !== 'string' || value === '') {
      throw new AuthenticationError(
        `The token service ${url.host} of registry ${this.registry.host} answered without a token`,
      );
    }
    const seconds =
      typeof body.expires_in === 'number'
        ? body.expires_in
        : DEFAULT_TOKEN_SECONDS;
    return {
      value,
      expiresAtMs: Date.now() + seconds * 1000 - TOKEN_MARGIN_MS,
    };
  }
}
