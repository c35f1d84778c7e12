import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  InstanceState,
  TrafficRoute,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { Instance } from './instance';
import { TargetHost, prepareLaunch } from './launch';
import { TargetJobs } from './jobs';
import { TargetLog } from './logs';
import { RequestMetrics } from './metrics';
import { Router } from './router';
import {
  TargetSnapshot,
  generationState,
  trafficState,
} from './targetSnapshot';
import { GenerationRecord, InstanceRecord, TargetState } from './state';
import { DEFAULT_TRAFFIC, TrafficGenerator } from './traffic';

/*
 * Everything that runs for one target. `reconcile` brings the instances to
 * the wanted numbers; it may be called at any time and any number of times.
 */

const LISTEN_RETRY_MS = 1_000;

export class Target {
  readonly metrics = new RequestMetrics();
  readonly router: Router;
  readonly jobs: TargetJobs;
  private readonly generator: TrafficGenerator;
  private readonly instances = new Map<string, Map<string, Instance>>();
  private readonly shutdown = new AbortController();
  private routerProblem: string | undefined;

  constructor(
    readonly id: string,
    readonly environment: string,
    readonly state: TargetState,
    readonly log: TargetLog,
    private readonly host: TargetHost,
  ) {
    this.router = new Router({
      port: state.port,
      metrics: this.metrics,
      endpoints: generation => [
        ...(this.instances.get(generation)?.values() ?? []),
      ],
    });
    this.jobs = new TargetJobs({ environment, state, log, host });
    this.generator = new TrafficGenerator(
      state.port,
      () => this.state.traffic ?? DEFAULT_TRAFFIC,
      () => this.state.shares.length > 0,
    );
  }

  /** Goes on with what the state file says: processes that live are kept. */
  async start(): Promise<void> {
    this.router.set(this.state.shares, this.state.routes ?? []);
    await this.listen();
    for (const [name, generation] of Object.entries(this.state.generations)) {
      for (const record of generation.instances) {
        this.add(name, generation, record);
      }
    }
    this.reconcile();
    await this.jobs.takeOver();
  }

  /** A port that is taken for now must not keep everything else down. */
  private async listen(): Promise<void> {
    try {
      await this.router.listen();
      this.routerProblem = undefined;
    } catch (error) {
      this.routerProblem = `The router of ${
        this.id
      } cannot listen on its port ${this.state.port}: ${
        error instanceof Error ? error.message : error
      }`;
      this.host.log(this.routerProblem);
      setTimeout(() => {
        if (!this.shutdown.signal.aborted) {
          this.listen();
        }
      }, LISTEN_RETRY_MS).unref();
    }
  }

  setTraffic(shares: TrafficShare[], routes: TrafficRoute[]): void {
    this.state.shares = shares;
    this.state.routes = routes;
    this.router.set(shares, routes);
    this.host.onChange(this.id);
  }

  /** Starts what is missing and stops what is too much. Never waits. */
  reconcile(): void {
    for (const [name, running] of this.instances) {
      if (!this.state.generations[name]) {
        for (const instance of running.values()) {
          this.retire(name, instance);
        }
      }
    }
    for (const [name, generation] of Object.entries(this.state.generations)) {
      this.log.setTrack(name, generation.track);
      const alive = [...(this.instances.get(name)?.values() ?? [])].filter(
        instance => !instance.isStopping,
      );
      for (let count = alive.length; count < generation.replicas; count += 1) {
        const record = {
          id: `${generation.spec.name}-${name.slice(0, 8)}-${randomBytes(
            3,
          ).toString('hex')}`,
          restarts: 0,
        };
        generation.instances.push(record);
        this.add(name, generation, record);
      }
      // Those that do not serve go first, then the youngest.
      const surplus = alive
        .map((instance, age) => ({ instance, age }))
        .sort(
          (a, b) =>
            Number(a.instance.isReady) - Number(b.instance.isReady) ||
            b.age - a.age,
        )
        .slice(0, Math.max(0, alive.length - generation.replicas));
      for (const { instance } of surplus) {
        this.retire(name, instance);
      }
    }
  }

  /** Stops one instance; another takes its place. `false`: no such instance. */
  deleteInstance(id: string): boolean {
    for (const [name, running] of this.instances) {
      const instance = running.get(id);
      if (instance && !instance.isStopping) {
        this.retire(name, instance);
        this.reconcile();
        return true;
      }
    }
    return false;
  }

  instanceStates(): InstanceState[] {
    return [...this.instances.keys()].flatMap(name => this.statesOf(name));
  }

  private statesOf(generation: string): InstanceState[] {
    return [...(this.instances.get(generation)?.values() ?? [])].map(instance =>
      instance.state(),
    );
  }

  snapshot(nowMs: number): TargetSnapshot {
    const names = new Set([
      ...Object.keys(this.state.generations),
      ...this.instances.keys(),
    ]);
    const { epoch, revision } = this.state;
    return {
      id: this.id,
      epoch,
      revision,
      generations: [...names].map(name =>
        generationState(
          name,
          this.state.generations[name],
          this.statesOf(name),
        ),
      ),
      traffic: trafficState(this.state, this.metrics, nowMs),
      ...(this.routerProblem && { routerProblem: this.routerProblem }),
      generator: {
        ...(this.state.traffic ?? DEFAULT_TRAFFIC),
        sent: this.generator.sent,
        failed: this.generator.failed,
        ...(this.generator.lastFailure && {
          lastFailure: this.generator.lastFailure,
        }),
      },
    };
  }

  /** With the instances, or leaving them to a successor. */
  async stop(options: { instances: boolean }): Promise<void> {
    this.generator.stop();
    if (options.instances) {
      await Promise.all(
        [...this.instances.values()].flatMap(running =>
          [...running.values()].map(instance => instance.stop()),
        ),
      );
    }
    this.shutdown.abort();
    await this.jobs.close(options);
    await this.router.close();
    await this.log.close();
  }

  private add(
    name: string,
    generation: GenerationRecord,
    record: InstanceRecord,
  ): void {
    const { host } = this;
    const instance = new Instance({
      record,
      generation: name,
      spec: generation.spec,
      log: this.log,
      directory: join(host.directory, 'instances', record.id),
      backoff: host.backoff,
      takePort: () => host.takePort(),
      persist: () => this.save(),
      onChange: () => host.onChange(this.id),
      prepare: (port, homeDirectory, onPhase) =>
        prepareLaunch({
          host,
          generation,
          instance: record.id,
          environment: this.environment,
          port,
          homeDirectory,
          onPhase,
          signal: this.shutdown.signal,
        }),
    });
    let running = this.instances.get(name);
    if (!running) {
      running = new Map();
      this.instances.set(name, running);
    }
    running.set(record.id, instance);
    instance.start();
    host.onChange(this.id);
  }

  /** A full disk must not end what runs; the next write may work again. */
  private async save(): Promise<void> {
    try {
      await this.host.save();
    } catch (error) {
      this.host.log(`The state cannot be written: ${error}`);
    }
  }

  private retire(name: string, instance: Instance): void {
    if (instance.isStopping) {
      return;
    }
    instance.stop().then(() => {
      const running = this.instances.get(name);
      running?.delete(instance.id);
      if (running?.size === 0) {
        this.instances.delete(name);
      }
      const generation = this.state.generations[name];
      if (generation) {
        generation.instances = generation.instances.filter(
          record => record.id !== instance.id,
        );
      }
      this.host.onChange(this.id);
      return this.save();
    });
  }
}
