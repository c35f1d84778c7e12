import http from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { ProbeSpec, RunSpec } from './protocol';

/*
 * The three probes of Kubernetes with its meanings: startup holds the other
 * two back and restarts when it runs out, liveness restarts, readiness
 * decides about traffic. Two deviations. For speed: until the first success,
 * startup and readiness ask every FAST_MS instead of once a period. Failures
 * still count once a period, so thresholds mean the same time as anywhere.
 * For fairness: liveness first asks after a period, when the process had time
 * to listen at all.
 */

const FAST_MS = 150;
const BODY_LIMIT = 400;
/** A new instance that keeps on refusing for this long is worth a word. */
const SAY_AFTER_MS = 3_000;

export interface ProbeAnswer {
  ok: boolean;
  /** What was asked and what came back, for people. */
  text: string;
}

export interface ProbeReport {
  ready: boolean;
  /** Set while a probe has been failing for long enough to be a cause. */
  failing?: { probe: string; text: string; sinceMs: number };
}

/** What a container that listens and declares no readiness gets. */
export const DEFAULT_READINESS: ProbeSpec = {
  kind: 'tcp',
  path: '/',
  headers: {},
  initialDelayMs: 0,
  periodMs: 1_000,
  timeoutMs: 1_000,
  successThreshold: 1,
  failureThreshold: 3,
};

function describe(error: Error): string {
  return 'code' in error && error.code === 'ECONNREFUSED'
    ? 'connection refused (nothing listens there; the service must listen on PORT)'
    : error.message;
}

function askHttp(probe: ProbeSpec, port: number): Promise<ProbeAnswer> {
  const what = `GET http://127.0.0.1:${port}${probe.path}`;
  return new Promise(resolve => {
    const request = http.request(
      {
        host: '127.0.0.1',
        port,
        path: probe.path,
        headers: { 'user-agent': 'slipway-probe', ...probe.headers },
        agent: false,
        signal: AbortSignal.timeout(probe.timeoutMs),
      },
      response => {
        const status = response.statusCode ?? 0;
        const ok = status >= 200 && status < 400;
        let body = '';
        const done = () =>
          resolve({
            ok,
            text: `${what} answered ${status} ${response.statusMessage ?? ''}${
              body.trim() ? `: ${body.trim().slice(0, BODY_LIMIT)}` : ''
            }`,
          });
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
          if (body.length > BODY_LIMIT) {
            done();
            request.destroy();
          }
        });
        response.on('end', done);
        response.on('error', done);
      },
    );
    request.on('error', error =>
      resolve({
        ok: false,
        text:
          error.name === 'AbortError' || error.name === 'TimeoutError'
            ? `${what} did not answer within ${probe.timeoutMs} ms`
            : `${what}: ${describe(error)}`,
      }),
    );
    request.end();
  });
}

function askTcp(probe: ProbeSpec, port: number): Promise<ProbeAnswer> {
  const what = `Connecting to 127.0.0.1:${port}`;
  return new Promise(resolve => {
    const socket = connect({ host: '127.0.0.1', port });
    const finish = (ok: boolean, text: string) => {
      socket.destroy();
      resolve({ ok, text });
    };
    socket.setTimeout(probe.timeoutMs, () =>
      finish(false, `${what} took longer than ${probe.timeoutMs} ms`),
    );
    socket.once('connect', () => finish(true, `${what} succeeded`));
    socket.once('error', error => finish(false, `${what}: ${describe(error)}`));
  });
}

/** Asks once. Never throws: no answer is an answer. */
export async function askProbe(
  probe: ProbeSpec,
  port: number,
): Promise<ProbeAnswer> {
  return probe.kind === 'http' ? askHttp(probe, port) : askTcp(probe, port);
}

/** Asks until the signal or until `onAnswer` returns true. */
async function keepAsking(
  probe: ProbeSpec,
  port: number,
  options: { fast: boolean; signal: AbortSignal },
  onAnswer: (answer: ProbeAnswer, failures: number) => boolean,
): Promise<void> {
  const { signal } = options;
  let succeeded = false;
  let failures = 0;
  let countedAtMs = -Infinity;
  await sleep(
    options.fast
      ? probe.initialDelayMs
      : Math.max(probe.initialDelayMs, probe.periodMs),
    signal,
  );
  while (!signal.aborted) {
    const answer = await askProbe(probe, port);
    if (signal.aborted) {
      return;
    }
    succeeded = succeeded || answer.ok;
    const nowMs = Date.now();
    if (answer.ok) {
      failures = 0;
      countedAtMs = nowMs;
    } else if (nowMs - countedAtMs >= probe.periodMs - FAST_MS / 2) {
      failures += 1;
      countedAtMs = nowMs;
    }
    if (onAnswer(answer, failures)) {
      return;
    }
    const fast = options.fast && !succeeded;
    await sleep(
      fast ? Math.min(FAST_MS, probe.periodMs) : probe.periodMs,
      signal,
    );
  }
}

async function sleep(durationMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || durationMs <= 0) {
    return;
  }
  try {
    await delay(durationMs, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
}

/**
 * Runs an instance's probes until the signal. Calls `report` whenever
 * readiness or the cause of not being ready changes.
 *
 * Resolves with a reason when the process should be restarted.
 */
export async function runProbes(options: {
  spec: RunSpec;
  port: number;
  signal: AbortSignal;
  report(report: ProbeReport): void;
}): Promise<string | undefined> {
  const { spec, port, report } = options;
  const ended = new AbortController();
  const signal = AbortSignal.any([options.signal, ended.signal]);
  const { startup, liveness } = spec.probes;
  const readiness =
    spec.probes.readiness ?? (spec.listens ? DEFAULT_READINESS : undefined);
  const startedAtMs = Date.now();
  let restart: string | undefined;

  if (startup) {
    await keepAsking(
      startup,
      port,
      { fast: true, signal },
      (answer, failures) => {
        if (!answer.ok && failures >= startup.failureThreshold) {
          restart = `startup probe failed ${failures} times; last: ${answer.text}`;
        } else if (!answer.ok && Date.now() - startedAtMs > SAY_AFTER_MS) {
          report({
            ready: false,
            failing: {
              probe: 'startup',
              text: answer.text,
              sinceMs: startedAtMs,
            },
          });
        }
        return answer.ok || restart !== undefined;
      },
    );
  }
  if (restart || signal.aborted) {
    return restart;
  }

  async function watchReadiness(probe: ProbeSpec) {
    let ready = false;
    let successes = 0;
    let failingSinceMs: number | undefined;
    await keepAsking(
      probe,
      port,
      { fast: true, signal },
      (answer, failures) => {
        if (answer.ok) {
          successes += 1;
          failingSinceMs = undefined;
          if (successes >= probe.successThreshold) {
            ready = true;
          }
          report({ ready });
          return false;
        }
        successes = 0;
        failingSinceMs = failingSinceMs ?? Date.now();
        const exhausted = failures >= probe.failureThreshold;
        ready = ready && !exhausted;
        const worth = exhausted || Date.now() - failingSinceMs > SAY_AFTER_MS;
        report({
          ready,
          failing:
            !ready && worth
              ? {
                  probe: 'readiness',
                  text: answer.text,
                  sinceMs: failingSinceMs,
                }
              : undefined,
        });
        return false;
      },
    );
  }

  async function watchLiveness(probe: ProbeSpec) {
    await keepAsking(
      probe,
      port,
      { fast: false, signal },
      (answer, failures) => {
        if (!answer.ok && failures >= probe.failureThreshold) {
          restart = `liveness probe failed ${failures} times; last: ${answer.text}`;
          ended.abort();
        }
        return restart !== undefined;
      },
    );
  }

  if (!readiness) {
    report({ ready: true });
  }
  await Promise.all([
    readiness && watchReadiness(readiness),
    liveness && watchLiveness(liveness),
  ]);
  return restart;
}
