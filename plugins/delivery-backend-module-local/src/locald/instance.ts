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
import {
  asCrashLoop,
  causeOfEnd,
  causeOfProbe,
  causeOfStart,
  describeExit,
} from './causes';
import { TargetLog } from './logs';
import { OutputTail } from './outputTail';
import { ProbeReport, runProbes } from './probes';
import { RunSpec } from './protocol';
import { Endpoint } from './router';
import { InstanceRecord } from './state';
import { untilAborted, within } from './waiting';

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
        if (signal.aborted) {
          break;
        }
        failure = causeOfStart(error);
        this.say(`${failure.summary}: ${failure.evidence}`);
      }
      this.ready = false;
      if (signal.aborted) {
        break;
      }
      await this.wait(failure, Date.now() - startedAtMs);
    }
    this.phase = 'stopped';
    this.ready = false;
    try {
      await rm(this.options.directory, { recursive: true, force: true });
    } catch (error) {
      this.say(`Its folder cannot be removed: ${error}`);
    }
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
    try {
      const plan = await this.prepare(record.port);
      this.digest = plan.digest;
    } catch (error) {
      // It runs all the same; what runs is then not known, and not said.
      this.say(`What runs here is not known: ${error}`);
    }
    this.say(`Taken over again (process ${handle.pid})`);
    return handle;
  }

  private prepare(port: number | undefined): Promise<LaunchPlan> {
    const preparing = this.options.prepare(
      port,
      this.options.directory,
      phase => {
        if (!this.isStopping && this.phase !== phase) {
          this.phase = phase;
          this.options.onChange();
        }
      },
    );
    return untilAborted(preparing, this.stopping.signal);
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
    this.say(`Ended ${describeExit(info)}`);
    const lines = this.options.log.tail(this.id, EVIDENCE_LINES);
    return causeOfEnd(info, reason, lines);
  }

  private async wait(failure: HealthCause, ranMs: number): Promise<void> {
    const { record } = this.options;
    record.restarts += 1;
    delete record.pid;
    delete record.start;
    const waitMs = this.backoff.crashed(ranMs);
    const loop = this.backoff.looping() && failure.code === 'exited';
    this.cause = loop ? asCrashLoop(failure, record.restarts) : failure;
    this.phase = 'backing-off';
    this.say(`Starting again in ${waitMs} ms`);
    this.options.onChange();
    await Promise.all([this.options.persist(), this.pause(waitMs)]);
  }

  private pause(waitMs: number): Promise<void> {
    return new Promise(resolve => {
      let timer: NodeJS.Timeout | undefined = undefined;
      const done = () => {
        clearTimeout(timer);
        this.stopping.signal.removeEventListener('abort', done);
        resolve();
      };
      timer = setTimeout(done, waitMs);
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
      this.cause = causeOfProbe(report.failing);
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
