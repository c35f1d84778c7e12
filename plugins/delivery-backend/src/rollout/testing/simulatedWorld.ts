import {
  Desired,
  InstanceState,
  TrafficRoute,
  TrafficShare,
  World,
} from '@slipway/backstage-plugin-delivery-common';
import { ControllerInPlace } from './controllerInPlace';
import { RatioOfInstances } from './ratioOfInstances';

/** What can be wrong with a generation. */
export interface GenerationBehaviour {
  /** From the start of an instance until it is ready. */
  readyAfterMs: number;
  /** It never becomes ready; this is what its probe says. */
  neverReady?: string;
  /** It starts and dies again and again. */
  crashLoops?: boolean;
  /** What its instances report to run, per image name. */
  digests?: Record<string, string>;
}

/** How fast, or lazily, the simulated world follows. */
export interface SimulatedWorldOptions {
  /** From a write until the orchestrator has taken it. */
  workloadLagMs?: number;
  /** From a write until the router has taken it. */
  routerLagMs?: number;
  /** Default behaviour of generations. */
  readyAfterMs?: number;
  /** How long a crashed instance is away. */
  restartAfterMs?: number;
  /** There is no router: each instance that is ready carries the same. */
  byInstances?: boolean;
}

interface Instance {
  id: string;
  startedAtMs: number;
  readyAtMs: number;
  restarts: number;
}

interface Pending {
  desired: Desired;
  atMs: number;
}

/**
 * An orchestrator and a router that behave as badly as real ones: they follow
 * late, their instances crash, and they cannot always be seen. Time is an
 * argument, so a day passes in a millisecond and every run can be repeated.
 *
 * It keeps the rule of the shell: a generation that is not wanted any more is
 * only removed once the shares in force give it nothing.
 */
export class SimulatedWorld {
  private readonly options: Required<SimulatedWorldOptions>;
  private readonly behaviours = new Map<string, Partial<GenerationBehaviour>>();
  private readonly generations = new Map<
    string,
    { planId: string; wanted: number; instances: Instance[] }
  >();
  private readonly ratio = new RatioOfInstances();
  private readonly slot = new ControllerInPlace();
  private shares: TrafficShare[] = [];
  private routes: TrafficRoute[] = [];
  private workloadWrites: Pending[] = [];
  private trafficWrites: Pending[] = [];
  private workloadRevision = 0;
  private trafficRevision = 0;
  private unknownWorkloads?: { why: string; sinceMs: number };
  private unknownTraffic?: { why: string; sinceMs: number };
  private frozen?: World;
  private serial = 0;
  /** A router that says it took everything, and takes shares only. */
  ignoreRoutes = false;
  /** Writes that were taken, oldest first; for assertions on effects. */
  readonly effects: Array<
    | { kind: 'scale'; generation: string; replicas: number; atMs: number }
    | { kind: 'remove'; generation: string; atMs: number }
    | { kind: 'shares'; shares: TrafficShare[]; atMs: number }
    | { kind: 'routes'; routes: TrafficRoute[]; atMs: number }
  > = [];

  constructor(options: SimulatedWorldOptions = {}) {
    this.options = {
      workloadLagMs: 50,
      routerLagMs: 50,
      readyAfterMs: 2_000,
      restartAfterMs: 3_000,
      byInstances: false,
      ...options,
    };
  }

  /** Makes the instances of a generation behave in a special way. */
  behave(generation: string, behaviour: Partial<GenerationBehaviour>): void {
    this.behaviours.set(generation, behaviour);
  }

  /**
   * Our shell writes the desired state, also one that was written before (that
   * is how drift is repaired). A revision older than one that was seen is
   * refused.
   */
  apply(desired: Desired, nowMs: number): void {
    this.settle(nowMs);
    if (desired.revision >= this.newestWorkloadWrite()) {
      this.workloadWrites.push({
        desired,
        atMs: nowMs + this.options.workloadLagMs,
      });
    }
    if (desired.revision >= this.newestTrafficWrite()) {
      this.trafficWrites.push({
        desired,
        atMs: nowMs + this.options.routerLagMs,
      });
    }
    this.settle(nowMs);
  }

  /** Kills ready instances; they come back after a while. */
  crash(generation: string, count: number, nowMs: number): void {
    this.settle(nowMs);
    const instances = this.generations.get(generation)?.instances ?? [];
    for (const instance of instances
      .filter(i => this.isReady(generation, i, nowMs))
      .slice(0, count)) {
      instance.restarts += 1;
      instance.startedAtMs = nowMs;
      instance.readyAtMs = nowMs + this.options.restartAfterMs;
    }
  }

  /** What cannot be seen until {@link see}. */
  hide(
    what: 'workloads' | 'traffic' | 'both',
    why: string,
    nowMs: number,
  ): void {
    if (what !== 'traffic') {
      this.unknownWorkloads ??= { why, sinceMs: nowMs };
    }
    if (what !== 'workloads') {
      this.unknownTraffic ??= { why, sinceMs: nowMs };
    }
  }

  /** Everything can be seen again, as it is now. */
  see(): void {
    this.unknownWorkloads = undefined;
    this.unknownTraffic = undefined;
    this.frozen = undefined;
  }

  /** Observations stay what they are now (a cache that is not fed) until {@link see}. */
  freeze(nowMs: number): void {
    this.frozen = this.observe(nowMs);
  }

  /** Somebody else changed the router. */
  rewriteShares(shares: TrafficShare[]): void {
    this.shares = shares;
  }

  /** What an adapter would say. */
  observe(nowMs: number): World {
    this.settle(nowMs);
    if (this.frozen) {
      return this.frozen;
    }
    return structuredClone({
      workloads: this.unknownWorkloads
        ? {
            unknown: this.unknownWorkloads.why,
            sinceMs: this.unknownWorkloads.sinceMs,
          }
        : {
            known: {
              generations: [...this.generations].map(
                ([generation, { planId, wanted, instances }]) => {
                  const states = instances.map(i =>
                    this.describe(generation, i, nowMs),
                  );
                  const ready = states.filter(s => s.ready).length;
                  return {
                    generation,
                    planId,
                    ...this.ratio.counted(generation, wanted, ready),
                    instances: states,
                  };
                },
              ),
            },
            observedAtMs: nowMs,
            reflects: this.workloadRevision,
          },
      traffic: this.unknownTraffic
        ? {
            unknown: this.unknownTraffic.why,
            sinceMs: this.unknownTraffic.sinceMs,
          }
        : {
            known: {
              accepted: this.shares,
              ...(this.routes.length > 0 ? { routes: this.routes } : {}),
              ...(this.options.byInstances ? { byInstances: true } : {}),
            },
            observedAtMs: nowMs,
            reflects: this.trafficRevision,
          },
      ...(this.slot.key !== undefined && !this.unknownWorkloads
        ? {
            delegated: {
              known: this.slot.tell(),
              observedAtMs: nowMs,
              reflects: this.workloadRevision,
            },
          }
        : {}),
    });
  }

  /** The truth, whatever can be seen. */
  truth(nowMs: number): {
    ready: Record<string, number>;
    shares: TrafficShare[];
    routes: TrafficRoute[];
  } {
    this.settle(nowMs);
    return {
      ready: Object.fromEntries(
        [...this.generations].map(([generation, { instances }]) => [
          generation,
          instances.filter(i => this.isReady(generation, i, nowMs)).length,
        ]),
      ),
      shares: this.shares,
      routes: this.routes,
    };
  }

  private newestWorkloadWrite(): number {
    return Math.max(
      this.workloadRevision,
      ...this.workloadWrites.map(w => w.desired.revision),
    );
  }

  private newestTrafficWrite(): number {
    return Math.max(
      this.trafficRevision,
      ...this.trafficWrites.map(w => w.desired.revision),
    );
  }

  private settle(nowMs: number): void {
    const isDue = (write: Pending) => write.atMs <= nowMs;
    // A clock that was set back must not let an older write come last.
    const inOrder = (a: Pending, b: Pending) =>
      a.desired.revision - b.desired.revision;
    for (const { desired, atMs } of this.trafficWrites
      .filter(isDue)
      .sort(inOrder)) {
      if (desired.revision < this.trafficRevision) {
        continue;
      }
      if (this.options.byInstances) {
        const isWhole = this.ratio.note(desired, this.generations, generation =>
          this.readyOf(generation, nowMs),
        );
        if (!isWhole) {
          continue;
        }
      }
      if (JSON.stringify(this.shares) !== JSON.stringify(desired.shares)) {
        this.effects.push({ kind: 'shares', shares: desired.shares, atMs });
      }
      const routes = this.ignoreRoutes ? [] : desired.routes ?? [];
      if (JSON.stringify(this.routes) !== JSON.stringify(routes)) {
        this.effects.push({ kind: 'routes', routes, atMs });
      }
      this.shares = desired.shares;
      this.routes = routes;
      this.trafficRevision = desired.revision;
    }
    this.trafficWrites = this.trafficWrites.filter(w => !isDue(w));
    for (const { desired, atMs } of this.workloadWrites
      .filter(isDue)
      .sort(inOrder)) {
      if (desired.revision < this.workloadRevision) {
        continue;
      }
      this.take(desired, atMs);
      this.workloadRevision = desired.revision;
    }
    this.workloadWrites = this.workloadWrites.filter(w => !isDue(w));
    this.rollInPlace(nowMs);
  }

  /** Kubernetes, roughly: the new comes up beside the old, which goes as it gets ready. */
  private rollInPlace(nowMs: number): void {
    const { wanted } = this.slot;
    if (!wanted) {
      return;
    }
    const ready = this.readyOf(wanted.generation, nowMs);
    const left = Math.max(0, wanted.replicas - ready);
    const { current, others } = this.slot.roll({ ready, left, nowMs });
    if (current !== undefined) {
      this.scale(wanted.generation, wanted.planId, current, nowMs);
    }
    for (const generation of others) {
      const entry = this.generations.get(generation);
      if (entry) {
        this.scale(
          generation,
          entry.planId,
          Math.min(entry.wanted, left),
          nowMs,
        );
      }
      if (left === 0) {
        this.generations.delete(generation);
        this.slot.forget(generation);
      }
    }
  }

  private readyOf(generation: string, nowMs: number): number {
    return (this.generations.get(generation)?.instances ?? []).filter(i =>
      this.isReady(generation, i, nowMs),
    ).length;
  }

  /** Somebody else asks the controller for the Plan of another generation. */
  rollByHand(generation: string, nowMs: number): void {
    this.settle(nowMs);
    this.slot.takeOver(generation, nowMs);
  }

  private take(desired: Desired, atMs: number): void {
    if (desired.delegated) {
      this.slot.start(desired, atMs);
    }
    for (const wish of desired.generations) {
      if (wish.inPlace) {
        if (!desired.delegated) {
          this.slot.set(wish, atMs);
        }
        continue;
      }
      const given = this.ratio.size(wish, this.generations);
      this.scale(wish.generation, wish.planId, given, atMs);
    }
    for (const generation of [...this.generations.keys()]) {
      const wanted = desired.generations.some(g => g.generation === generation);
      const serves =
        this.shares.some(s => s.generation === generation && s.percent > 0) ||
        this.routes.some(route => route.generation === generation);
      if (!wanted && this.slot.holds(generation)) {
        if (!desired.delegated && !serves && this.slot.isAlone(generation)) {
          this.slot.clear();
          this.generations.delete(generation);
          this.effects.push({ kind: 'remove', generation, atMs });
        }
        continue;
      }
      if (!wanted && !serves) {
        this.generations.delete(generation);
        this.effects.push({ kind: 'remove', generation, atMs });
      }
    }
  }

  private scale(
    generation: string,
    planId: string,
    replicas: number,
    atMs: number,
  ): void {
    const entry = this.generations.get(generation) ?? {
      planId,
      wanted: 0,
      instances: [],
    };
    this.generations.set(generation, entry);
    if (entry.wanted !== replicas) {
      this.effects.push({ kind: 'scale', generation, replicas, atMs });
    }
    entry.wanted = replicas;
    while (entry.instances.length < replicas) {
      this.serial += 1;
      const { readyAfterMs = this.options.readyAfterMs } =
        this.behaviours.get(generation) ?? {};
      entry.instances.push({
        id: `${generation}-${this.serial}`,
        startedAtMs: atMs,
        readyAtMs: atMs + readyAfterMs,
        restarts: 0,
      });
    }
    // The ones that are not ready go first, as orchestrators do it.
    entry.instances.sort((a, b) => a.readyAtMs - b.readyAtMs);
    entry.instances.length = Math.min(entry.instances.length, replicas);
  }

  private isReady(
    generation: string,
    instance: Instance,
    nowMs: number,
  ): boolean {
    const { neverReady, crashLoops } = this.behaviours.get(generation) ?? {};
    return !neverReady && !crashLoops && instance.readyAtMs <= nowMs;
  }

  private describe(
    generation: string,
    instance: Instance,
    nowMs: number,
  ): InstanceState {
    const {
      neverReady,
      crashLoops,
      digests = {},
    } = this.behaviours.get(generation) ?? {};
    const ready = this.isReady(generation, instance, nowMs);
    const { id, restarts, startedAtMs } = instance;
    const state: InstanceState = {
      id,
      generation,
      phase: crashLoops ? 'backing-off' : 'running',
      ready,
      restarts: crashLoops ? restarts + 4 : restarts,
      startedAtMs,
      digests,
    };
    if (neverReady) {
      state.cause = {
        code: 'probe-failing',
        summary: 'the readiness probe fails',
        evidence: neverReady,
        sinceMs: startedAtMs,
      };
    }
    if (crashLoops) {
      state.cause = {
        code: 'crash-loop',
        summary: 'exits with code 1 soon after its start',
        evidence: 'Error: cannot find module',
        sinceMs: startedAtMs,
      };
    }
    return state;
  }
}
