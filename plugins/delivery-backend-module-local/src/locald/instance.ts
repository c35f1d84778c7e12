import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Digest,
  HealthCause,
  InstancePhase,
  InstanceState,
} from '@slipway/backstage-plugin-delivery-common';
import { Backoff, BackoffPolicy } from './backoff';
import {
  ExitInfo,
  ProcessHandle,
  adoptProcess,
  startProcess,
} from './childProcess';
import { TargetLog } from './logs';
import { OutputTail } from './outputTail';
import { ProbeReport, runProbes } from './probes';
import { RunSpec } from './protocol';
import { Endpoint } from './router';
import { InstanceRecord } from './state';

/*
 * One instance: a process that is started, probed, started again when it
 * ends (each time after a longer wait), and at last stopped gracefully: out
 * of the rotation first, then no more requests in flight, then SIGTERM, and
 * SIGKILL only after the grace period.
 */

const EVIDENCE_LINES = 10;

/** What has to be known to start the process; made anew for each start. */
export interface LaunchPlan {
  digest: Digest;
  args: string[];
  cwd: string;
  env: Record<string, string>;
}

export interface InstanceOptions {
  record: InstanceRecord;
  generation: string;
  spec: RunSpec;
  log: TargetLog;
  directory: string;
  backoff?: BackoffPolicy;
  /** A free port for the next start. */
  takePort(): Promise<number>;
  /** Errors: whatever makes the start impossible for now. */
  prepare(
    port: number | undefined,
    homeDirectory: string,
    onPhase: (phase: InstancePhase) => void,
  ): Promise<LaunchPlan>;
  /** The record was changed; resolves when that is on disk. */
  persist(): Promise<void>;
  onChange(): void;
}

export class Instance implements Endpoint {
  readonly id: string;
  private phase: InstancePhase = 'starting';
  private ready = false;
  private cause: HealthCause | undefined;
  private digest: Digest | undefined;
  private readonly backoff: Backoff;
  private readonly stopping = new AbortController();
  private inFlight = 0;
  private idle: (() => void) | undefined;
  private life: Promise<void> = Promise.resolve();

  constructor(private readonly options: InstanceOptions) {
    this.id = options.record.id;
    this.backoff = new Backoff(options.backoff);
  }

  get port(): number {
    return this.options.record.port ?? 0;
  }

  get isReady(): boolean {
    return this.ready && !this.isStopping;
  }

  get isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  serves(): boolean {
    return this.isReady && this.options.spec.listens;
  }

  began(): void {
    this.inFlight += 1;
  }

  ended(): void {
    this.inFlight -= 1;
    if (this.inFlight === 0) {
      this.idle?.();
    }
  }

  state(): InstanceState {
    const { record, generation, spec } = this.options;
    return {
      id: this.id,
      generation,
      phase: this.phase,
      ready: this.isReady,
      restarts: record.restarts,
      ...(record.startedAtMs !== undefined && {
        startedAtMs: record.startedAtMs,
      }),
      ...(this.digest && { digests: { [spec.image.name]: this.digest } }),
      ...(record.port !== undefined && {
        address: `127.0.0.1:${record.port}`,
      }),
      ...(this.cause && { cause: this.cause }),
    };
  }

  /** Starts the process, or goes on with the one of a predecessor. */
  start(): void {
    this.life = this.live();
  }

  /**
   * Stops gracefully; resolves when the process is gone. Requests in flight
   * get up to the grace period, and so does the process after SIGTERM.
   */
  async stop(): Promise<void> {
    if (!this.isStopping) {
      this.phase = 'stopping';
      this.cause = undefined;
      this.stopping.abort();
      this.options.onChange();
    }
    await this.life;
  }

  private async live(): Promise<void> {
    const { signal } = this.stopping;
    let adopted = await this.adopt();
    while (!signal.aborted) {
      const startedAtMs = Date.now();
      let failure: HealthCause;
      try {
        const handle = adopted ?? (await this.launch());
        adopted = undefined;
        if (signal.aborted) {
          await this.end(handle);
          break;
        }
        failure = await this.supervise(handle);
      } catch (error) {
        failure = causeOfStart(error);
        this.say(failure.summary);
      }
      this.ready = false;
      if (signal.aborted) {
        break;
      }
      await this.wait(failure, Date.now() - startedAtMs);
    }
    this.phase = 'stopped';
    this.ready = false;
    await rm(this.options.directory, { recursive: true, force: true });
    this.options.onChange();
  }

  private async adopt(): Promise<ProcessHandle | undefined> {
    const { record } = this.options;
    if (record.pid === undefined || record.start === undefined) {
      return undefined;
    }
    const handle = await adoptProcess(record.pid, record.start);
    if (!handle) {
      this.say('Ended while slipway-locald was away');
      record.restarts += 1;
      return undefined;
    }
    const plan = await this.prepare(record.port);
    this.digest = plan.digest;
    this.say(`Taken over again (process ${handle.pid})`);
    return handle;
  }

  private prepare(port: number | undefined): Promise<LaunchPlan> {
    return this.options.prepare(port, this.options.directory, phase => {
      if (!this.isStopping && this.phase !== phase) {
        this.phase = phase;
        this.options.onChange();
      }
    });
  }

  private async launch(): Promise<ProcessHandle> {
    const { record, spec, directory } = this.options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    delete record.pid;
    delete record.start;
    if (spec.listens) {
      record.port = await this.options.takePort();
    }
    const plan = await this.prepare(record.port);
    this.stopping.signal.throwIfAborted();
    this.digest = plan.digest;
    this.phase = 'starting';
    const handle = await startProcess({
      ...plan,
      stdout: join(directory, 'stdout'),
      stderr: join(directory, 'stderr'),
    });
    record.pid = handle.pid;
    record.start = handle.start;
    record.startedAtMs = Date.now();
    await this.options.persist();
    this.say(
      `Started (process ${handle.pid}${
        record.port ? `, port ${record.port}` : ''
      })`,
    );
    return handle;
  }

  /** Until the process has ended; says why it should be started again. */
  private async supervise(handle: ProcessHandle): Promise<HealthCause> {
    const { spec, record } = this.options;
    this.phase = 'running';
    this.options.onChange();
    const tails = this.tailOutput();
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, this.stopping.signal]);
    const stopped = new Promise<'stop'>(resolve => {
      const onStop = () => resolve('stop');
      if (this.isStopping) {
        onStop();
      }
      this.stopping.signal.addEventListener('abort', onStop, { once: true });
    });
    const unhealthy = runProbes({
      spec,
      port: record.port ?? 0,
      signal,
      report: report => this.onProbes(report),
    }).then(reason =>
      reason === undefined ? new Promise<never>(() => {}) : reason,
    );
    const first = await Promise.race([
      handle.exited.then(info => ({ info })),
      unhealthy.then(reason => ({ reason })),
      stopped,
    ]);
    let info: ExitInfo;
    let reason: string | undefined;
    if (first === 'stop') {
      info = await this.end(handle);
    } else if ('reason' in first) {
      reason = first.reason;
      this.ready = false;
      this.options.onChange();
      this.say(`Restarting: ${reason}`);
      info = await this.end(handle);
    } else {
      info = first.info;
    }
    ended.abort();
    await Promise.all(tails.map(tail => tail.stop()));
    const how = describeExit(info);
    this.say(`Ended ${how}`);
    const lines = this.options.log.tail(this.id, EVIDENCE_LINES);
    return {
      code: reason ? 'probe-failing' : 'exited',
      summary: reason ? `Restarted: ${reason}` : `The process ended ${how}`,
      evidence: [reason, ...lines].filter(Boolean).join('\n'),
      action: reason
        ? 'Look at what the probe asks, and at the log'
        : 'Look at the last lines of the log',
      sinceMs: Date.now(),
    };
  }

  private async wait(failure: HealthCause, ranMs: number): Promise<void> {
    const { record } = this.options;
    record.restarts += 1;
    delete record.pid;
    delete record.start;
    const waitMs = this.backoff.crashed(ranMs);
    const loop = this.backoff.looping() && failure.code === 'exited';
    this.cause = loop
      ? {
          ...failure,
          code: 'crash-loop',
          summary: `${failure.summary}, again and again (${record.restarts} restarts)`,
        }
      : failure;
    this.phase = 'backing-off';
    this.say(`Starting again in ${waitMs} ms`);
    this.options.onChange();
    await Promise.all([this.options.persist(), this.pause(waitMs)]);
  }

  private pause(waitMs: number): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        clearTimeout(timer);
        this.stopping.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      this.stopping.signal.addEventListener('abort', done);
      if (this.isStopping) {
        done();
      }
    });
  }

  private async end(handle: ProcessHandle): Promise<ExitInfo> {
    const graceMs = this.options.spec.terminationGraceMs;
    this.ready = false;
    await within(graceMs, this.drained());
    handle.terminate();
    const info = await within(graceMs, handle.exited);
    if (info) {
      return info;
    }
    this.say(`Did not end within ${graceMs} ms after SIGTERM; killing it`);
    handle.kill();
    return handle.exited;
  }

  private drained(): Promise<true> {
    return new Promise(resolve => {
      if (this.inFlight === 0) {
        resolve(true);
      } else {
        this.idle = () => resolve(true);
      }
    });
  }

  private onProbes(report: ProbeReport): void {
    if (this.isStopping) {
      return;
    }
    const before = JSON.stringify([this.ready, this.cause]);
    this.ready = report.ready;
    if (report.failing) {
      const { probe, text, sinceMs } = report.failing;
      this.cause = {
        code: 'probe-failing',
        summary: `The ${probe} probe fails`,
        evidence: text,
        action: `See why the service does not answer its ${probe} probe; its log may say more`,
        sinceMs,
      };
    } else if (report.ready) {
      this.cause = undefined;
    }
    if (JSON.stringify([this.ready, this.cause]) !== before) {
      this.options.onChange();
    }
  }

  private tailOutput(): OutputTail[] {
    const { log, directory, generation } = this.options;
    const offsets = log.offsets(this.id);
    return (['stdout', 'stderr'] as const).map(
      stream =>
        new OutputTail(
          join(directory, stream),
          offsets[stream],
          (text, offset) =>
            log.append({ instance: this.id, generation, stream, text, offset }),
          error => this.say(`The ${stream} cannot be read: ${error}`),
        ),
    );
  }

  private say(text: string): void {
    const { log, generation } = this.options;
    log.append({ instance: this.id, generation, stream: 'system', text });
  }
}

function describeExit(info: ExitInfo): string {
  if (info.code !== undefined) {
    return `with exit code ${info.code}`;
  }
  return info.signal ? `by ${info.signal}` : '(how is not known)';
}

/** Why a start failed, in the words of health causes. */
export function causeOfStart(error: unknown): HealthCause {
  const message = error instanceof Error ? error.message : String(error);
  const base = { evidence: message, sinceMs: Date.now() };
  if (message.startsWith('Not runnable locally')) {
    return {
      ...base,
      code: 'not-runnable',
      summary: message,
      action: 'Use an image whose entrypoint is node, or another environment',
    };
  }
  if (error instanceof ImagePullError) {
    return {
      ...base,
      code: 'image-pull',
      summary: 'The image cannot be pulled',
      action: 'See whether the registry answers and holds this digest',
    };
  }
  return {
    ...base,
    code: 'start-failed',
    summary: 'The process cannot be started',
    action: 'The message says what is missing',
  };
}

/** The image could not be brought here; the cause says why. */
export class ImagePullError extends Error {
  readonly name = 'ImagePullError';
}

async function within<T>(
  durationMs: number,
  promise: Promise<T>,
): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), durationMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
