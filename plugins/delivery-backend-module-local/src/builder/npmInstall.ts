import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { InputError, isError } from '@backstage/errors';
import { StageLog } from '@slipway/backstage-plugin-delivery-node';

const INSTALL_TIMEOUT_MS = 10 * 60_000;
const KEPT_OUTPUT_LINES = 30;

/** What of this process' environment the package manager may see. */
const KEPT_VARIABLES = [
  'PATH',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SYSTEMROOT',
];

function run(
  args: string[],
  options: {
    cwd: string;
    env: NodeJS.ProcessEnv;
    timeoutMs: number;
    signal: AbortSignal;
    log: StageLog;
  },
): Promise<{ code: number | undefined; lines: string[] }> {
  return new Promise((resolve, reject) => {
    const child = spawn('npm', args, {
      cwd: options.cwd,
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that its children end with it.
      detached: process.platform !== 'win32',
      shell: process.platform === 'win32',
    });
    const lines: string[] = [];
    let rest = '';
    const take = (chunk: Buffer) => {
      rest += chunk.toString('utf8');
      const parts = rest.split('\n');
      rest = (parts.pop() ?? '').slice(-2000);
      for (const line of parts) {
        options.log(line);
        lines.push(line);
        if (lines.length > KEPT_OUTPUT_LINES) {
          lines.shift();
        }
      }
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    let stopReason: Error | undefined;
    const stop = (reason: Error) => {
      stopReason = stopReason ?? reason;
      if (child.pid && process.platform !== 'win32') {
        try {
          process.kill(-child.pid, 'SIGKILL');
          return;
        } catch (error) {
          if (!isError(error) || error.code !== 'ESRCH') {
            reject(error);
          }
        }
      }
      child.kill('SIGKILL');
    };
    const timer = setTimeout(
      () =>
        stop(
          new Error(`npm took more than ${options.timeoutMs / 60_000} minutes`),
        ),
      options.timeoutMs,
    );
    const onAbort = () => stop(new Error('The build was cancelled'));
    options.signal.addEventListener('abort', onAbort, { once: true });
    const settle = () => {
      clearTimeout(timer);
      options.signal.removeEventListener('abort', onAbort);
    };
    child.on('error', error => {
      settle();
      reject(error);
    });
    child.on('close', code => {
      settle();
      if (stopReason) {
        reject(stopReason);
      } else {
        resolve({ code: code ?? undefined, lines });
      }
    });
  });
}

function scrubbedEnvironment(cacheDirectory: string): NodeJS.ProcessEnv {
  return {
    ...Object.fromEntries(
      KEPT_VARIABLES.flatMap(name =>
        process.env[name] === undefined ? [] : [[name, process.env[name]]],
      ),
    ),
    HOME: cacheDirectory,
    CI: 'true',
    npm_config_cache: `${cacheDirectory}/npm`,
    npm_config_update_notifier: 'false',
  };
}

/** The package registry that this machine's npm is set up for. */
export async function configuredRegistry(
  directory: string,
  signal: AbortSignal,
): Promise<URL> {
  const lines: string[] = [];
  const { code } = await run(['config', 'get', 'registry'], {
    cwd: directory,
    env: process.env,
    timeoutMs: 60_000,
    signal,
    log: line => lines.push(line.trim()),
  });
  const text = lines.find(line => URL.canParse(line));
  if (code !== 0 || !text) {
    throw new Error(
      'npm does not tell which package registry it uses; run "npm config get registry" on this machine',
    );
  }
  return new URL(text);
}

/**
 * Runs `npm ci` in a folder that holds nothing but what we put there: no
 * scripts, no settings of the repository, a private cache, a scrubbed
 * environment.
 *
 * Errors: `InputError` with npm's last words when it refuses; `Error` when it
 * takes too long or cannot be run.
 */
export async function npmInstall(options: {
  directory: string;
  cacheDirectory: string;
  registry: URL;
  log: StageLog;
  signal: AbortSignal;
}): Promise<void> {
  const { directory, cacheDirectory, registry, log, signal } = options;
  await mkdir(cacheDirectory, { recursive: true });
  const { code, lines } = await run(
    [
      'ci',
      '--omit=dev',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      `--registry=${registry.href}`,
    ],
    {
      cwd: directory,
      env: scrubbedEnvironment(cacheDirectory),
      timeoutMs: INSTALL_TIMEOUT_MS,
      signal,
      log,
    },
  );
  if (code === 0) {
    return;
  }
  const last = lines.slice(-8).join('\n');
  const isOurs = /E(?:CONN|AI_AGAIN|TIMEDOUT|NOTFOUND|NOSPC|5\d\d)/.test(last);
  const message = `npm ci ended with ${code}:\n${last}`;
  throw isOurs ? new Error(message) : new InputError(message);
}
