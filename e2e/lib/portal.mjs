// Starts the portal with the README's command on a data folder of its own,
// and ends all of it again.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { answers } from '../../scripts/answers.mjs';

export const root = path.resolve(
  path.dirname(fileURLToPath(import.meta.url)),
  '../..',
);
export const FRONTEND = 'http://localhost:3000';
export const BACKEND = 'http://localhost:7007';

/** What a CI system would have; only the e2e portal knows it. */
export const MACHINE_TOKEN = randomBytes(24).toString('hex');

export async function until(
  what,
  check,
  { timeoutMs = 60_000, everyMs = 250 } = {},
) {
  const deadline = Date.now() + timeoutMs;
  let last;
  for (;;) {
    try {
      const result = await check();
      if (result) return result;
      last = undefined;
    } catch (error) {
      if (error.final) throw error;
      last = error;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `Gave up after ${timeoutMs} ms waiting until ${what}${
          last ? `: ${last.message}` : ''
        }`,
      );
    }
    await new Promise(resolve => setTimeout(resolve, everyMs));
  }
}

export class Portal {
  #child;
  #log;
  #logStart = 0;
  #only = [];
  #startedAt;

  constructor(
    data = fs.mkdtempSync(path.join(os.tmpdir(), 'slipway-e2e-')),
    { kubernetes = false, environment = {} } = {},
  ) {
    this.data = data;
    this.kubernetes = kubernetes;
    this.environment = environment;
    this.logFile = path.join(data, 'portal.log');
  }

  /**
   * Begins to start; `ready` waits for it. `only` names the packages, all when
   * it is absent.
   */
  spawn({ only = [] } = {}) {
    this.#startedAt = Date.now();
    this.#only = only;
    this.#log = fs.openSync(this.logFile, 'a');
    this.#logStart = fs.fstatSync(this.#log).size;
    this.#child = spawn(
      'npm',
      ['start', '--', ...(this.kubernetes ? ['--kubernetes'] : []), ...only],
      {
        cwd: root,
        // Leads a group of its own; the services' supervisor leads another one.
        detached: true,
        stdio: ['ignore', this.#log, this.#log],
        env: {
          ...process.env,
          ...this.environment,
          SLIPWAY_DATA: this.data,
          BROWSER: 'none',
          CI: 'true',
          APP_CONFIG_backend_auth_externalAccess: JSON.stringify([
            {
              type: 'static',
              options: { token: MACHINE_TOKEN, subject: 'ci' },
            },
          ]),
          APP_CONFIG_delivery_machines: JSON.stringify([
            {
              subject: 'external:ci',
              services: ['component:default/checkout'],
              environments: ['staging', 'production'],
              verbs: ['read', 'logs', 'release', 'deploy'],
            },
          ]),
        },
      },
    );
  }

  async ready({ timeoutMs = 240_000 } = {}) {
    await until(
      'the backend is ready',
      () => {
        this.#assertNotBroken();
        return answers(`${BACKEND}/.backstage/health/v1/readiness`);
      },
      { timeoutMs },
    );
    if (this.#only.length === 0) {
      await until('the portal answers', () => answers(FRONTEND), { timeoutMs });
    }
    this.readyAfterMs = Date.now() - this.#startedAt;
    return this;
  }

  /** Backstage's watch mode waits for a change of the code when it has crashed. */
  #assertNotBroken() {
    const said = fs.readFileSync(this.logFile).subarray(this.#logStart);
    if (/^Node\.js v\d+/m.test(said.toString('utf8'))) {
      throw Object.assign(
        new Error(`The backend crashed at its start:\n${this.logTail()}`),
        { final: true },
      );
    }
  }

  async start(options = {}) {
    this.spawn(options);
    return this.ready(options);
  }

  /** The process group of everything that the command started. */
  get group() {
    return this.#child.pid;
  }

  /** As the out-of-memory killer would: everything of the portal, at once. */
  kill9() {
    try {
      process.kill(-this.group, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }

  async stop() {
    if (!this.#child) return;
    this.kill9();
    fs.closeSync(this.#log);
    this.#child = undefined;
    if (!this.kubernetes) await this.stopServices();
  }

  async stopServices() {
    await new Promise((resolve, reject) => {
      const child = spawn('npm', ['start', '--', '--stop'], {
        cwd: root,
        stdio: 'ignore',
        env: { ...process.env, SLIPWAY_DATA: this.data },
      });
      child.on('error', reject);
      child.on('close', resolve);
    });
  }

  logTail(lines = 60) {
    return fs
      .readFileSync(this.logFile, 'utf8')
      .split('\n')
      .slice(-lines)
      .join('\n');
  }
}

/** The terminal client, as a CI system runs it. */
export function slipway(args, { timeoutMs = 240_000 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [path.join(root, 'packages/delivery-cli/bin/slipway'), ...args],
      {
        cwd: root,
        timeout: timeoutMs,
        env: {
          ...process.env,
          SLIPWAY_URL: BACKEND,
          SLIPWAY_TOKEN: MACHINE_TOKEN,
        },
      },
    );
    let output = '';
    child.stdout.on('data', chunk => (output += chunk));
    child.stderr.on('data', chunk => (output += chunk));
    child.on('error', reject);
    child.on('close', code => resolve({ code, output }));
  });
}
