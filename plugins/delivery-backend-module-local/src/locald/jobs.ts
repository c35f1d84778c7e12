import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ConflictError } from '@backstage/errors';
import { JobState } from '@slipway/backstage-plugin-delivery-common';
import { describeExit } from './causes';
import {
  ExitInfo,
  ProcessHandle,
  adoptProcess,
  startProcess,
} from './childProcess';
import { endGracefully } from './endGracefully';
import { InstanceOutput } from './instanceOutput';
import { TargetHost, prepareLaunch } from './launch';
import { TargetLog } from './logs';
import { JobStartRequest } from './protocol';
import { JobRecord, TargetState } from './state';

/*
 * The jobs of one target: processes that run once, each under a key. What is
 * written down before a process starts is never started again; of a run whose
 * end nobody saw it is said that it is lost.
 */

/** Runs that are remembered; an old key is never asked for again. */
const MAX_JOBS = 50;

export interface TargetJobsOptions {
  environment: string;
  state: TargetState;
  log: TargetLog;
  host: TargetHost;
}

export class TargetJobs {
  private readonly handles = new Map<string, ProcessHandle>();
  private readonly stopping = new AbortController();
  private readonly stopped = new Set<string>();

  constructor(private readonly options: TargetJobsOptions) {}

  private get records(): Record<string, JobRecord> {
    const { state } = this.options;
    state.jobs = state.jobs ?? {};
    return state.jobs;
  }

  /** Goes on watching what a predecessor left running. */
  async takeOver(): Promise<void> {
    for (const record of Object.values(this.options.state.jobs ?? {})) {
      if (record.phase !== 'running') {
        continue;
      }
      const { pid, start } = record;
      const handle =
        pid !== undefined && start !== undefined
          ? await adoptProcess(pid, start)
          : undefined;
      if (handle) {
        const key = this.keyOf(record);
        this.handles.set(key, handle);
        this.output(record, '').say(
          `Taken over again (process ${handle.pid}); how it ends cannot be seen`,
        );
        handle.exited.then(() => this.finish(record, key, undefined));
      } else {
        await this.finish(record, this.keyOf(record), undefined);
      }
    }
  }

  /**
   * Starts the job, unless its key was started before. One job of a target
   * runs at a time: what still runs of an earlier deployment is stopped first.
   *
   * Errors: `ConflictError` while an earlier one is being stopped.
   */
  async start(key: string, request: JobStartRequest): Promise<void> {
    const { records } = this;
    if (records[key]) {
      return;
    }
    const other = Object.entries(records).find(
      ([, { phase }]) => phase === 'running',
    );
    if (other) {
      this.stop(other[0]);
      throw new ConflictError(
        `The job "${other[1].job}" of an earlier deployment still runs and is being stopped; "${request.job}" starts after it`,
      );
    }
    const record: JobRecord = {
      job: request.job,
      instance: `${request.job}-${randomBytes(3).toString('hex')}`,
      phase: 'running',
      startedAtMs: Date.now(),
    };
    records[key] = record;
    for (const old of Object.keys(records).slice(0, -MAX_JOBS)) {
      delete records[old];
    }
    await this.options.host.save();
    this.run(key, record, request);
  }

  observe(key: string): JobState {
    const record = this.options.state.jobs?.[key];
    if (!record) {
      return { phase: 'absent' };
    }
    const { phase, startedAtMs, finishedAtMs, message, instance } = record;
    return {
      phase,
      startedAtMs,
      ...(finishedAtMs !== undefined && { finishedAtMs }),
      ...(message !== undefined && { message }),
      lastLines: this.options.log.tail(instance, 20),
    };
  }

  /** Ends what runs under the key, gracefully; does not wait for it. */
  stop(key: string): void {
    const handle = this.handles.get(key);
    const record = this.options.state.jobs?.[key];
    if (!handle || !record || this.stopped.has(key)) {
      return;
    }
    this.stopped.add(key);
    endGracefully(handle, {
      graceMs: 10_000,
      drained: Promise.resolve(),
      say: text => this.output(record, '').say(text),
    });
  }

  /** With what runs, or leaving it to a successor. */
  async close(options: { instances: boolean }): Promise<void> {
    this.stopping.abort();
    if (options.instances) {
      const running = [...this.handles];
      running.forEach(([key]) => this.stop(key));
      await Promise.all(running.map(([, handle]) => handle.exited));
    }
  }

  private keyOf(record: JobRecord): string {
    return (
      Object.entries(this.records).find(([, it]) => it === record)?.[0] ?? ''
    );
  }

  private output(record: JobRecord, generation: string): InstanceOutput {
    const { log, host } = this.options;
    return new InstanceOutput({
      instance: record.instance,
      generation,
      directory: this.directory(host, record),
      log,
    });
  }

  private directory(host: TargetHost, { instance }: JobRecord): string {
    return join(host.directory, 'jobs', instance);
  }

  private async run(
    key: string,
    record: JobRecord,
    request: JobStartRequest,
  ): Promise<void> {
    const { host, environment } = this.options;
    const directory = this.directory(host, record);
    const output = this.output(record, request.generation);
    this.options.log.setTrack(request.generation, 'job');
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const plan = await prepareLaunch({
        host,
        generation: {
          spec: request.spec,
          track: 'job',
          replicas: 1,
          registry: request.registry,
          peers: request.peers,
          instances: [],
        },
        instance: record.instance,
        environment,
        port: undefined,
        homeDirectory: directory,
        onPhase: () => {},
        signal: this.stopping.signal,
      });
      const handle = await startProcess({
        ...plan,
        stdout: join(directory, 'stdout'),
        stderr: join(directory, 'stderr'),
      });
      this.handles.set(key, handle);
      record.pid = handle.pid;
      record.start = handle.start;
      await host.save();
      output.say(`Started the job "${record.job}" (process ${handle.pid})`);
      const tails = output.follow();
      const info = await handle.exited;
      await Promise.all(tails.map(tail => tail.stop()));
      output.say(`Ended ${describeExit(info)}`);
      await this.finish(record, key, info);
    } catch (error) {
      if (this.stopping.signal.aborted) {
        // It has not started; the successor finds no process and says so.
        return;
      }
      const message = error instanceof Error ? error.message : `${error}`;
      output.say(`Could not be started: ${message}`);
      record.message = message;
      await this.finish(record, key, { code: 1 });
    }
  }

  private async finish(
    record: JobRecord,
    key: string,
    info: ExitInfo | undefined,
  ): Promise<void> {
    const { host } = this.options;
    this.handles.delete(key);
    delete record.pid;
    delete record.start;
    record.finishedAtMs = Date.now();
    if (info === undefined) {
      record.phase = 'lost';
      record.message = 'slipway-locald was away when it ended';
    } else if (info.code === 0) {
      record.phase = 'succeeded';
    } else {
      record.phase = 'failed';
      record.message = this.stopped.has(key)
        ? 'it was stopped'
        : record.message ?? `it ended ${describeExit(info)}`;
    }
    try {
      await host.save();
      await rm(this.directory(host, record), { recursive: true, force: true });
    } catch (error) {
      host.log(`The end of the job ${key} cannot be written down: ${error}`);
    }
  }
}
