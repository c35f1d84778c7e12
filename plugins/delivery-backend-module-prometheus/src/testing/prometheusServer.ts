import { ChildProcess, execFile, spawn } from 'node:child_process';
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';

/** A real Prometheus for one suite, on loopback. @public */
export interface PrometheusServer {
  url: URL;
  close(): Promise<void>;
}

async function find(program: string): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, program);
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (folder && found) {
      return path;
    }
  }
  return undefined;
}

/** What is missing for tests with a real Prometheus; `undefined`: nothing. @public */
export async function missingForPrometheus(): Promise<string | undefined> {
  const found = await Promise.all(['prometheus', 'promtool'].map(find));
  return found.every(Boolean)
    ? undefined
    : 'prometheus and promtool on PATH (a package of most distributions)';
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  if (typeof address !== 'object' || !address) {
    throw new Error('A socket without a port');
  }
  return address.port;
}

/**
 * Starts it with what was measured before (`history`, OpenMetrics text with
 * times in seconds) and with targets to scrape from now on.
 *
 * @public
 */
export async function startPrometheus(options: {
  history?: string;
  scrape?: Array<{ url: string; intervalSeconds: number }>;
}): Promise<PrometheusServer> {
  const [prometheus, promtool] = await Promise.all(
    ['prometheus', 'promtool'].map(find),
  );
  if (!prometheus || !promtool) {
    throw new Error(`Tests need ${await missingForPrometheus()}`);
  }
  const directory = await mkdtemp(join(tmpdir(), 'slipway-prometheus-'));
  const data = join(directory, 'data');
  await mkdir(data);
  if (options.history) {
    const file = join(directory, 'history.txt');
    await writeFile(file, options.history);
    await promisify(execFile)(promtool, [
      'tsdb',
      'create-blocks-from',
      'openmetrics',
      file,
      data,
    ]);
  }
  const config = join(directory, 'prometheus.yml');
  await writeFile(
    config,
    JSON.stringify({
      scrape_configs: (options.scrape ?? []).map(
        ({ url, intervalSeconds }, index) => {
          const { protocol, host, pathname } = new URL(url);
          return {
            job_name: `job-${index}`,
            scheme: protocol.replace(':', ''),
            metrics_path: pathname,
            scrape_interval: `${intervalSeconds}s`,
            scrape_timeout: `${intervalSeconds}s`,
            static_configs: [{ targets: [host] }],
          };
        },
      ),
    }),
  );
  const port = await freePort();
  const child = spawn(
    prometheus,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${data}`,
      '--storage.tsdb.retention.time=10y',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.on('data', part => {
    said = `${said}${part}`.slice(-2_000);
  });
  const url = new URL(`http://127.0.0.1:${port}`);
  await poll('Prometheus is ready', async () => {
    if (child.exitCode !== null) {
      throw new Error(`Prometheus ended with ${child.exitCode}: ${said}`);
    }
    return (await fetch(new URL('/-/ready', url))).ok;
  });
  return {
    url,
    async close() {
      await ended(child);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const end = new Promise(resolve => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await end;
    clearTimeout(timer);
  }
}
