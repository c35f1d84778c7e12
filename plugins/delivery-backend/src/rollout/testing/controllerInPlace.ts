import {
  DelegatedState,
  Desired,
} from '@slipway/backstage-plugin-delivery-common';

type Wish = Desired['generations'][number];

/** After this long without progress the controller gives up, and stays so. */
const CONTROLLER_DEADLINE_MS = 45_000;

/**
 * The one place that a controller of the simulated world rolls: what should be
 * there, what is there, and what the controller says about it.
 */
export class ControllerInPlace {
  wanted?: Pick<Wish, 'generation' | 'planId' | 'replicas'>;
  key?: string;
  private readonly members = new Set<string>();
  private paused = false;
  private isForeign = false;
  private hasFailed = false;
  private isDone = false;
  private mostReady = 0;
  private progressAtMs = 0;

  /** Ours, by its key. */
  start({ delegated, generations }: Desired, nowMs: number): void {
    if (!delegated) {
      return;
    }
    this.paused = delegated.paused ?? false;
    if (this.key === delegated.key) {
      return;
    }
    this.key = delegated.key;
    const replicas =
      generations.find(g => g.generation === delegated.generation)?.replicas ??
      1;
    this.bring({ ...delegated, replicas }, nowMs);
  }

  /** Ours, without a rollout that is watched. */
  set(wish: Wish, nowMs: number): void {
    const isOther = this.wanted?.generation !== wish.generation;
    if (wish.replicas === 0 && isOther) {
      return;
    }
    this.paused = false;
    if (isOther || this.wanted?.replicas !== wish.replicas) {
      this.bring(wish, nowMs);
    }
  }

  /** Somebody else's wish for what is there as an old copy. */
  takeOver(generation: string, nowMs: number): void {
    if (
      this.wanted &&
      this.wanted.generation !== generation &&
      this.members.has(generation)
    ) {
      this.bring({ ...this.wanted, generation }, nowMs);
      this.isForeign = true;
    }
  }

  private bring(
    { generation, planId, replicas }: NonNullable<ControllerInPlace['wanted']>,
    nowMs: number,
  ): void {
    this.wanted = { generation, planId, replicas };
    this.members.add(generation);
    this.isForeign = false;
    this.hasFailed = false;
    this.isDone = false;
    this.mostReady = 0;
    this.progressAtMs = nowMs;
  }

  /** What to do now: how many of the wanted one, and which old ones shrink. */
  roll(seen: { ready: number; left: number; nowMs: number }): {
    current?: number;
    others: string[];
  } {
    const { wanted } = this;
    if (!wanted || this.paused) {
      this.progressAtMs = seen.nowMs;
      return { others: [] };
    }
    const others = [...this.members].filter(g => g !== wanted.generation);
    if (seen.ready > this.mostReady) {
      this.mostReady = seen.ready;
      this.progressAtMs = seen.nowMs;
    }
    this.isDone = seen.left === 0;
    this.hasFailed =
      !this.isDone &&
      (this.hasFailed ||
        seen.nowMs - this.progressAtMs > CONTROLLER_DEADLINE_MS);
    return { current: wanted.replicas, others };
  }

  tell(): DelegatedState {
    return { key: this.key ?? '', phase: this.phase(), message: 'simulated' };
  }

  private phase(): DelegatedState['phase'] {
    if (this.isForeign) {
      return 'foreign';
    }
    if (this.hasFailed) {
      return 'failed';
    }
    if (this.paused) {
      return 'paused';
    }
    return this.isDone ? 'succeeded' : 'running';
  }

  holds(generation: string): boolean {
    return this.members.has(generation);
  }

  isAlone(generation: string): boolean {
    return this.wanted?.generation === generation;
  }

  forget(generation: string): void {
    this.members.delete(generation);
  }

  clear(): void {
    this.members.clear();
    this.wanted = undefined;
    this.key = undefined;
  }
}
