import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  GenerationState,
  InstanceState,
  TrafficShare,
  TrafficState,
} from '@slipway/backstage-plugin-delivery-common';
import { BackoffPolicy } from './backoff';
import { resolveEntrypoint } from './entrypoint';
import { buildEnvironment } from './environment';
import { ImageStore } from './images';
import { ImagePullError, Instance } from './instance';
import { TargetLog } from './logs';
import { RequestMetrics } from './metrics';
import { RegistryAddress } from './protocol';
import { Router } from './router';
import { GenerationRecord, InstanceRecord, TargetState } from './state';
import { DEFAULT_TRAFFIC, TrafficGenerator } from './traffic';

/*
 * Everything that runs for one target. `reconcile` brings the instances to
 * the wanted numbers; it may be called at any time and any number of times.
 */

const MEASURED_WINDOW_MS = 10_000;

/** What a target needs of the process around it. */
export interface TargetHost {
  directory: string;
  mark: string;
  images: ImageStore;
  backoff?: BackoffPolicy;
  takePort(): Promise<number>;
  save(): Promise<void>;
  onChange(id: string): void;
  /** Service name to router URL, for the names that are given. */
  peers(environment: string, names: string[]): Map<string, string>;
  secrets(environment: string): Promise<Record<string, Record<string, string>>>;
  credentials(host: string): RegistryAddress['credentials'];
}

/** The whole state of a target, as the backend gets it. */
export interface TargetSnapshot {
  id: string;
  epoch: number;
  revision: number;
  generations: GenerationState[];
  traffic: TrafficState;
  generator: {
    on: boolean;
    requestsPerSecond: number;
    path: string;
    sent: number;
    failed: number;
    lastFailure?: string;
  };
}

export class Target {
  readonly metrics = new RequestMetrics();
  readonly router: Router;
  private readonly generator: TrafficGenerator;
  private readonly instances = new Map<string, Map<string, Instance>>();
  private readonly shutdown = new AbortController();

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
    this.generator = new TrafficGenerator(
      state.port,
      () => this.state.traffic ?? DEFAULT_TRAFFIC,
      () => this.state.shares.length > 0,
    );
  }

  /** Goes on with what the state file says: processes that live are kept. */
  async start(): Promise<void> {
    this.router.setShares(this.state.shares);
    await this.router.listen();
    for (const [name, generation] of Object.entries(this.state.generations)) {
      for (const record of generation.instances) {
        this.add(name, generation, record);
      }
    }
    this.reconcile();
  }

  setShares(shares: TrafficShare[]): void {
    this.state.shares = shares;
    this.router.setShares(shares);
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
    return [...this.instances.values()].flatMap(running =>
      [...running.values()].map(instance => instance.state()),
    );
  }

  trackOf(generation: string): string | undefined {
    return this.state.generations[generation]?.track;
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
      generations: [...names].map(name => this.generationState(name)),
      traffic: this.trafficState(nowMs),
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
    await this.router.close();
    await this.log.close();
  }

  private generationState(name: string): GenerationState {
    const record = this.state.generations[name];
    const states = [...(this.instances.get(name)?.values() ?? [])].map(
      instance => instance.state(),
    );
    const cause = states.find(state => state.cause)?.cause;
    return {
      generation: name,
      planId: record?.spec.planId ?? '',
      wanted: record?.replicas ?? 0,
      ready: states.filter(state => state.ready).length,
      instances: states,
      ...(cause && { cause }),
    };
  }

  private trafficState(nowMs: number): TrafficState {
    const counts = this.metrics.counts(nowMs - MEASURED_WINDOW_MS, nowMs);
    const requests = [...counts.values()].reduce(
      (sum, count) => sum + count,
      0,
    );
    return {
      accepted: this.state.shares,
      address: `http://127.0.0.1:${this.state.port}`,
      ...(requests > 0 && {
        measured: {
          requests,
          windowMs: MEASURED_WINDOW_MS,
          shares: [...counts].map(([generation, count]) => ({
            generation,
            percent: (count / requests) * 100,
          })),
        },
      }),
    };
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
      persist: () => host.save(),
      onChange: () => host.onChange(this.id),
      prepare: async (port, homeDirectory, onPhase) => {
        const { reference } = generation.spec.image;
        let image = await host.images.find(reference);
        if (!image) {
          onPhase('pulling');
          try {
            image = await host.images.ensure(
              reference,
              {
                ...generation.registry,
                credentials: host.credentials(generation.registry.host),
              },
              this.shutdown.signal,
            );
          } catch (error) {
            throw new ImagePullError(
              `${reference}: ${error instanceof Error ? error.message : error}`,
              { cause: error },
            );
          }
        }
        const { args, cwd } = await resolveEntrypoint(
          generation.spec,
          image.process,
          image.rootfs,
        );
        const env = buildEnvironment({
          image: image.process.env,
          entries: generation.spec.env,
          peers: host.peers(this.environment, generation.peers),
          secrets: await host.secrets(this.environment),
          instance: record.id,
          environment: this.environment,
          port,
          homeDirectory,
          mark: host.mark,
        });
        return { digest: image.digest, args, cwd, env };
      },
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
      return this.host.save();
    });
  }
}
