import { createHash } from 'node:crypto';
import {
  InstanceState,
  Observed,
  TargetRef,
  TargetSurroundings,
} from '@slipway/backstage-plugin-delivery-common';

/** What is seen of one target. */
export interface Look {
  state: Observed<InstanceState[]>;
  beside: Observed<TargetSurroundings>;
  progress?: unknown;
}

/** Tells of each target what differs from what was told last. */
export interface Told {
  tell(label: string, target: TargetRef, seen: Look): void;
  /** Of whom something was told. */
  labels(): Iterable<string>;
}

export function createTold(listeners: {
  onChange(target: TargetRef, state: Look['state']): void;
  onSurroundings?(target: TargetRef, beside: Look['beside']): void;
}): Told {
  const { onChange, onSurroundings } = listeners;
  /** What was told last, by label. */
  const told = new Map<string, string>();
  const toldBeside = new Map<string, string>();
  return {
    tell(label, target, { state, beside, progress }) {
      // A rollout may wait for what changes no instance, and looks then.
      if (isNews(told, label, state, progress)) {
        onChange(target, state);
      }
      if (onSurroundings && isNews(toldBeside, label, beside)) {
        onSurroundings(target, beside);
      }
    },
    labels: () => told.keys(),
  };
}

/** Whether it says something else than what was told last; by a hash, as there may be many. */
function isNews<T>(
  told: Map<string, string>,
  label: string,
  state: Observed<T>,
  more?: unknown,
): boolean {
  const hash = createHash('sha256')
    .update(
      JSON.stringify(
        'known' in state ? [state.known, state.reflects, more] : state,
      ),
    )
    .digest('base64');
  const differs = told.get(label) !== hash;
  told.set(label, hash);
  return differs;
}
