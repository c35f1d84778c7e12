import {
  Command,
  Deployment,
  RolloutState,
  TargetRecord,
} from '@slipway/backstage-plugin-delivery-common';
import { Connection } from '@slipway/backstage-plugin-delivery-node';
import { Changes } from './changes';
import { EngineContext, TargetMemory } from './context';
import { LoadedTarget } from '../store';
import { LeaseKeeper } from './leaseKeeper';

/** What one look leaves to the next one of the same tick. */
export interface Carried {
  /** Of the last converge, not stored yet. */
  applied?: TargetRecord['applied'];
  /** Whether others own what we would write, if that has changed. */
  conflict?: { value: TargetRecord['conflict'] };
  /** What the last look left behind: nobody else writes while we hold the lease. */
  loaded?: LoadedTarget;
  /** How long the target was due and nobody looked; for the first look. */
  lateMs?: number;
}

/** What the parts of one look at a target share. */
export interface Round {
  context: EngineContext;
  changes: Changes;
  keeper: LeaseKeeper;
  connection: Connection;
  memory: TargetMemory;
  carried: Carried;
  /** Verbs that the rollout room answers. */
  forRollout: Command[];
  /** The rollout that has not ended. */
  active: RolloutState | undefined;
  /** A person's verbs were there to be answered. */
  hasCommands: boolean;
  /** Deployments that have not ended, as they were loaded; oldest first. */
  open: Deployment[];
}

/** What one look at a target led to. */
export interface RoundResult {
  /** Something changed that asks for another look at once. */
  again: boolean;
  /** When to look again otherwise; undefined: when poked. */
  wakeAtMs?: number;
  /** Others may wait for what changed here. */
  tellSiblings: boolean;
}

/** The earliest of the times that are known. */
export function earliest(
  ...times: Array<number | undefined>
): number | undefined {
  const known = times.filter((time): time is number => time !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}
