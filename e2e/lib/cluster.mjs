// What the stories on a real cluster need besides the portal: a Prometheus
// that scrapes the gateway's Envoy, and visitors of the service.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { until } from './portal.mjs';

const NEEDED = [
  'KUBECONFIG',
  'SLIPWAY_REGISTRY',
  'SLIPWAY_GATEWAY',
  'SLIPWAY_GATEWAY_METRICS',
  'BUILDKIT_HOST',
];

/** Names of what is missing to run on a cluster. */
export function missingForCluster() {
  return NEEDED.filter(name => !process.env[name]);
}

export function kubectl(...args) {
  return execFileSync('kubectl', args, { encoding: 'utf8', timeout: 60_000 });
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A Prometheus of this test's own, on loopback. */
export async function startPrometheus() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'slipway-prometheus-'));
  const metrics = new URL(process.env.SLIPWAY_GATEWAY_METRICS);
  fs.writeFileSync(
    path.join(folder, 'prometheus.yml'),
    JSON.stringify({
      global: { scrape_interval: '2s' },
      scrape_configs: [
        {
          job_name: 'envoy',
          metrics_path: metrics.pathname,
          static_configs: [{ targets: [metrics.host] }],
        },
      ],
    }),
  );
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${path.join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${path.join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  await until('Prometheus is ready', async () => {
    const response = await fetch(`${url}/-/ready`);
    return response.ok;
  });
  return {
    url,
    async stop() {
      const ended = new Promise(resolve => child.once('close', resolve));
      child.kill('SIGTERM');
      await ended;
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Steady requests through the gateway; every answer is counted. */
export class Visitors {
  #timer;
  #agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
  statuses = {};
  failures = [];

  constructor(hostname, { perSecond = 20 } = {}) {
    this.hostname = hostname;
    this.everyMs = 1000 / perSecond;
  }

  start() {
    this.#timer = setInterval(() => this.#visit(), this.everyMs);
    return this;
  }

  #visit() {
    const request = http.get(
      process.env.SLIPWAY_GATEWAY,
      {
        agent: this.#agent,
        headers: { host: this.hostname },
        timeout: 10_000,
      },
      response => {
        response.resume();
        const { statusCode } = response;
        this.statuses[statusCode] = (this.statuses[statusCode] ?? 0) + 1;
      },
    );
    request.on('timeout', () =>
      request.destroy(new Error('no answer in 10 s')),
    );
    request.on('error', error => this.failures.push(error.message));
  }

  get answered() {
    return Object.values(this.statuses).reduce((sum, count) => sum + count, 0);
  }

  stop() {
    clearInterval(this.#timer);
    this.#agent.destroy();
  }
}

/** The greeting of the shop, through the gateway. */
export function ask(hostname) {
  return new Promise((resolve, reject) => {
    http
      .get(
        process.env.SLIPWAY_GATEWAY,
        { headers: { host: hostname }, timeout: 10_000 },
        response => {
          let text = '';
          response.setEncoding('utf8').on('data', chunk => (text += chunk));
          response.on('end', () =>
            resolve({ status: response.statusCode, text }),
          );
        },
      )
      .on('error', reject);
  });
}
