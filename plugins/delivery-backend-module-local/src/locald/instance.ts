import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Digest,
  HealthCause,
  InstancePhase,
  InstanceState,
} from '@slipway/backstage-plugin-delivery-common';
import { Backoff } from './backoff';
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
import { endGracefully } from './endGracefully';
import { InstanceOutput } from './instanceOutput';
import { InstanceOptions, LaunchPlan } from './instanceTypes';
import { ProbeReport, runProbes } from './probes';
import { RequestsInFlight } from './requestsInFlight';
import { Endpoint } from './endpoint';
import { aborted, pause, untilAborted } from './waiting';

/*
 * One instance: a process that is started, probed, started again when it
 * ends (each time after a longer wait), and at last stopped gracefully: out
 * of the rotation first, then no more requests in flight, then SIGTERM, and
 * SIGKILL only after the grace period.
 */

export class Instance implements Endpoint {
  readonly id: string;
  private phase: InstancePhase = 'starting';
  private ready = false;
  private cause: HealthCause | undefined;
  private digest: Digest | undefined;
  private readonly backoff: Backoff;
  private readonly stopping = new AbortController();
  private readonly requests = new RequestsInFlight();
  private readonly output: InstanceOutput;
  private life: Promise<void> = Promise.resolve();

  constructor(private readonly options: InstanceOptions) {
    this.id = options.record.id;
    this.backoff = new Backoff(options.backoff);
    this.output = new InstanceOutput({ instance: this.id, ...options });
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
    this.requests.began();
  }

  ended(): void {
    this.requests.ended();
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
        this.output.say(`${failure.summary}: ${failure.evidence}`);
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
      this.output.say(`Its folder cannot be removed: ${error}`);
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
      this.output.say('Ended while slipway-locald was away');
      record.restarts += 1;
      return undefined;
    }
    try {
      const plan = await this.prepare(record.port);
      this.digest = plan.digest;
    } catch (error) {
      // It runs all the same; what runs is then not known, and not said.
      this.output.say(`What runs here is not known: ${error}`);
    }
    this.output.say(`Taken over again (process ${handle.pid})`);
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
    this.output.say(
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
    const tails = this.output.follow();
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, this.stopping.signal]);
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
      aborted(this.stopping.signal),
    ]);
    let info: ExitInfo;
    let reason: string | undefined;
    if (first === 'aborted') {
      info = await this.end(handle);
    } else if ('reason' in first) {
      reason = first.reason;
      this.ready = false;
      this.options.onChange();
      this.output.say(`Restarting: ${reason}`);
      info = await this.end(handle);
    } else {
      info = first.info;
    }
    ended.abort();
    await Promise.all(tails.map(tail => tail.stop()));
    this.output.say(`Ended ${describeExit(info)}`);
    const lines = this.output.lastLines();
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
    this.output.say(`Starting again in ${waitMs} ms`);
    this.options.onChange();
    await Promise.all([
      this.options.persist(),
      pause(waitMs, this.stopping.signal),
    ]);
  }

  private async end(handle: ProcessHandle): Promise<ExitInfo> {
    this.ready = false;
    return endGracefully(handle, {
      graceMs: this.options.spec.terminationGraceMs,
      drained: this.requests.drained(),
      say: text => this.output.say(text),
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
}
