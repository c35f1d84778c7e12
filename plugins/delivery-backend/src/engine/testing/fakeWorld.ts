import {
  InstanceState,
  JobState,
  LogLine,
  Measurement,
  TargetRef,
  TrafficRoute,
  TrafficShare,
  TrafficState,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import {
  Connection,
  Fence,
  MetricProvider,
  StaleEpochError,
} from '@slipway/backstage-plugin-delivery-node';

interface FakeInstance {
  id: string;
  readyAtMs: number;
  startedAtMs: number;
  restarts: number;
}

interface FakeGeneration {
  planId: string;
  track: string;
  wanted: number;
  instances: FakeInstance[];
}

interface FakeTarget {
  epoch: number;
  workloadRevision: number;
  trafficRevision: number;
  generations: Map<string, FakeGeneration>;
  shares: TrafficShare[];
  routes: TrafficRoute[];
}

/** How the instances of a plan behave. */
export interface PlanBehaviour {
  readyAfterMs?: number;
  neverReady?: boolean;
  successRate?: number;
}

/** How the runs of a job behave. */
export interface JobBehaviour {
  takesMs?: number;
  fails?: boolean;
}

interface FakeJob extends JobBehaviour {
  planId: string;
  startedAtMs: number;
  stopped?: boolean;
}

/**
 * An orchestrator with a router, kept apart from the connections to it: a new
 * connection is what a restarted process has. It compares epochs, writes down
 * every effect, and writes down what must never happen.
 */
export class FakeWorld {
  readonly effects: string[] = [];
  readonly violations: string[] = [];
  /** Writes of an older epoch that were not taken. */
  refused = 0;
  /** By plan id or by release id. */
  readonly behaviours = new Map<string, PlanBehaviour>();
  readonly releaseOfPlan = new Map<string, string>();
  calls = 0;
  /** What instances wrote; an answer to a failing read. */
  lines: LogLine[] = [];
  logsFail = false;
  /** Runs by key. */
  readonly jobs = new Map<string, FakeJob>();
  /** By the name of the job. */
  readonly jobBehaviours = new Map<string, JobBehaviour>();
  /** What flows, when the router of this world tells. */
  measured?: TrafficState['measured'];
  private readonly targets = new Map<string, FakeTarget>();
  private serial = 0;

  constructor(
    readonly now: () => number,
    private readonly defaults: { readyAfterMs: number } = { readyAfterMs: 200 },
  ) {}

  /** The same world at this moment, going its own way from here. */
  clone(now: () => number): FakeWorld {
    const twin = new FakeWorld(now, this.defaults);
    for (const [id, state] of this.targets) {
      twin.targets.set(id, structuredClone(state));
    }
    twin.effects.push(...this.effects);
    twin.violations.push(...this.violations);
    twin.serial = this.serial;
    for (const [key, job] of this.jobs) {
      twin.jobs.set(key, { ...job });
    }
    for (const [name, behaviour] of this.jobBehaviours) {
      twin.jobBehaviours.set(name, behaviour);
    }
    for (const [key, behaviour] of this.behaviours) {
      twin.behaviours.set(key, behaviour);
    }
    for (const [plan, release] of this.releaseOfPlan) {
      twin.releaseOfPlan.set(plan, release);
    }
    return twin;
  }

  target(target: TargetRef): FakeTarget {
    const id = stringifyTarget(target);
    let state = this.targets.get(id);
    if (!state) {
      state = {
        epoch: 0,
        workloadRevision: 0,
        trafficRevision: 0,
        generations: new Map(),
        shares: [],
        routes: [],
      };
      this.targets.set(id, state);
    }
    return state;
  }

  behaviour(planId: string): PlanBehaviour {
    return {
      ...this.behaviours.get(this.releaseOfPlan.get(planId) ?? ''),
      ...this.behaviours.get(planId),
    };
  }

  /** Kills every instance of a generation once; they come back. */
  crash(target: TargetRef, generation: string): void {
    for (const instance of this.target(target).generations.get(generation)
      ?.instances ?? []) {
      instance.restarts += 1;
      instance.startedAtMs = this.now();
      instance.readyAtMs = this.now() + this.defaults.readyAfterMs;
    }
  }

  /** Generation to share, for assertions. */
  shares(target: TargetRef): Record<string, number> {
    return Object.fromEntries(
      this.target(target).shares.map(({ generation, percent }) => [
        generation,
        percent,
      ]),
    );
  }

  replicas(target: TargetRef): Record<string, number> {
    return Object.fromEntries(
      [...this.target(target).generations].map(([name, { wanted }]) => [
        name,
        wanted,
      ]),
    );
  }

  connection(): Connection {
    const unchanging = {
      renderers: [],
      live: { watch: () => {} },
      notices: () => [],
    };
    return {
      type: 'fake',
      name: 'default',
      ...unchanging,
      workloads: {
        fencing: 'compare-and-set',
        inspect: async () => ({ replicas: 2, ignored: [] }),
        ensure: async (
          target,
          fence,
          { generation, plan, track, replicas },
        ) => {
          const state = this.fenced(target, fence);
          state.workloadRevision = Math.max(
            state.workloadRevision,
            fence.revision,
          );
          const existing = state.generations.get(generation);
          if (existing && existing.planId !== plan.id) {
            this.violations.push(
              `${generation} was ensured with plan ${plan.id} and had ${existing.planId}`,
            );
          }
          this.scale(target, generation, plan.id, track, replicas);
        },
        observe: async target => {
          this.calls += 1;
          const state = this.target(target);
          return {
            known: {
              generations: [...state.generations].map(([name, generation]) => {
                const instances = generation.instances.map(instance =>
                  this.describe(name, generation, instance),
                );
                return {
                  generation: name,
                  planId: generation.planId,
                  wanted: generation.wanted,
                  ready: instances.filter(({ ready }) => ready).length,
                  instances,
                };
              }),
            },
            observedAtMs: this.now(),
            reflects: state.workloadRevision,
          };
        },
        remove: async (target, fence, generation) => {
          const state = this.fenced(target, fence);
          state.workloadRevision = Math.max(
            state.workloadRevision,
            fence.revision,
          );
          if (
            state.shares.some(
              share => share.generation === generation && share.percent > 0,
            ) ||
            state.routes.some(route => route.generation === generation)
          ) {
            this.violations.push(
              `${generation} was removed with traffic on it`,
            );
          }
          if (state.generations.delete(generation)) {
            this.effects.push(`remove ${generation}`);
          }
        },
      },
      traffic: {
        fencing: 'compare-and-set',
        capabilities: () => ({
          weights: true,
          measures: false,
          headers: true,
          mirror: true,
        }),
        request: async (target, fence, shares, _signal, routes = []) => {
          const state = this.fenced(target, fence);
          state.trafficRevision = Math.max(
            state.trafficRevision,
            fence.revision,
          );
          for (const { generation, percent } of shares) {
            if (percent > 0 && this.ready(target, generation) === 0) {
              this.violations.push(
                `${percent} % was given to ${generation}, of which nothing is ready`,
              );
            }
          }
          if (JSON.stringify(state.shares) !== JSON.stringify(shares)) {
            this.effects.push(
              `shares ${shares
                .map(({ generation, percent }) => `${generation}=${percent}`)
                .join(' ')}`,
            );
          }
          state.shares = shares;
          for (const { generation, type } of routes) {
            if (this.ready(target, generation) === 0) {
              this.violations.push(
                `A route by ${type} leads to ${generation}, of which nothing is ready`,
              );
            }
          }
          if (JSON.stringify(state.routes) !== JSON.stringify(routes)) {
            this.effects.push(
              `routes ${
                routes
                  .map(({ type, generation }) => `${type}=${generation}`)
                  .join(' ') || 'none'
              }`,
            );
          }
          state.routes = routes;
        },
        observe: async target => {
          this.calls += 1;
          const state = this.target(target);
          return {
            known: {
              accepted: state.shares,
              ...(state.routes.length > 0 && { routes: state.routes }),
              ...(this.measured ? { measured: this.measured } : {}),
            },
            observedAtMs: this.now(),
            reflects: state.trafficRevision,
          };
        },
      },
      jobs: {
        fencing: 'compare-and-set',
        inspect: async () => {},
        start: async (target, fence, plan, job, key) => {
          this.fenced(target, fence);
          if (!this.jobs.has(key)) {
            this.effects.push(`job ${key}`);
            this.jobs.set(key, {
              planId: plan.id,
              startedAtMs: this.now(),
              ...this.jobBehaviours.get(job),
            });
          }
        },
        observe: async (_target, key) => ({
          known: this.jobState(key),
          observedAtMs: this.now(),
          reflects: 0,
        }),
        stop: async (target, fence, key) => {
          this.fenced(target, fence);
          const job = this.jobs.get(key);
          if (job && !job.stopped) {
            this.effects.push(`stop ${key}`);
            job.stopped = true;
          }
        },
      },
      metrics: [this.metrics()],
      logs: {
        read: async ({ generation }) => {
          if (this.logsFail) {
            throw new Error('the logs are away');
          }
          const lines = this.lines.filter(
            line => !generation || line.generation === generation,
          );
          return { lines, nextOffset: `${lines.length}`, ended: false };
        },
      },
    };
  }

  private jobState(key: string): JobState {
    const job = this.jobs.get(key);
    if (!job) {
      return { phase: 'absent' };
    }
    const { startedAtMs, takesMs = 300, fails, stopped } = job;
    if (!stopped && this.now() < startedAtMs + takesMs) {
      return { phase: 'running', startedAtMs, lastLines: ['working'] };
    }
    return fails || stopped
      ? {
          phase: 'failed',
          startedAtMs,
          message: stopped ? 'stopped' : 'exit code 1',
          lastLines: ['working', 'no such column'],
        }
      : { phase: 'succeeded', startedAtMs };
  }

  private metrics(): MetricProvider {
    return {
      id: 'fake',
      metrics: () => [
        { name: 'success-rate', unit: 'ratio', description: 'of the fake' },
      ],
      query: async ({ target, generation }) => {
        const state = this.target(target).generations.get(generation);
        const outcome: Measurement['outcome'] = state
          ? {
              type: 'value',
              value: this.behaviour(state.planId).successRate ?? 1,
              samples: 400,
            }
          : { type: 'no-data' };
        return { outcome, query: `success_rate(${generation})` };
      },
    };
  }

  private fenced(target: TargetRef, fence: Fence): FakeTarget {
    this.calls += 1;
    const state = this.target(target);
    if (fence.epoch < state.epoch) {
      this.refused += 1;
      throw new StaleEpochError(fence.epoch, state.epoch);
    }
    state.epoch = fence.epoch;
    return state;
  }

  private scale(
    target: TargetRef,
    name: string,
    planId: string,
    track: string,
    replicas: number,
  ) {
    const state = this.target(target);
    const generation = state.generations.get(name) ?? {
      planId,
      track,
      wanted: 0,
      instances: [],
    };
    state.generations.set(name, generation);
    if (generation.wanted !== replicas) {
      this.effects.push(`scale ${name} ${replicas}`);
    }
    generation.track = track;
    generation.wanted = replicas;
    const { readyAfterMs = this.defaults.readyAfterMs } =
      this.behaviour(planId);
    while (generation.instances.length < replicas) {
      this.serial += 1;
      generation.instances.push({
        id: `${name}-${this.serial}`,
        startedAtMs: this.now(),
        readyAtMs: this.now() + readyAfterMs,
        restarts: 0,
      });
    }
    generation.instances.length = replicas;
  }

  private isReady(generation: FakeGeneration, instance: FakeInstance) {
    return (
      !this.behaviour(generation.planId).neverReady &&
      instance.readyAtMs <= this.now()
    );
  }

  private ready(target: TargetRef, name: string): number {
    const generation = this.target(target).generations.get(name);
    return (generation?.instances ?? []).filter(
      instance => generation && this.isReady(generation, instance),
    ).length;
  }

  private describe(
    name: string,
    generation: FakeGeneration,
    instance: FakeInstance,
  ): InstanceState {
    const ready = this.isReady(generation, instance);
    return {
      id: instance.id,
      generation: name,
      phase: ready ? 'running' : 'starting',
      ready,
      restarts: instance.restarts,
      startedAtMs: instance.startedAtMs,
      ...(ready
        ? {}
        : {
            cause: {
              code: 'probe-failing',
              summary: 'the readiness probe answers 503',
              evidence: '503 not yet',
              sinceMs: instance.startedAtMs,
            },
          }),
    };
  }
}
