import {
  InstanceState,
  Observed,
  OperationView,
  Reason,
  TargetRef,
  TargetSurroundings,
  TimelineEvent,
} from '@slipway/backstage-plugin-delivery-common';

/**
 * Something that happened to instances without us: a restart, an eviction, an
 * autoscaler's decision. It becomes an entry of the target's timeline.
 *
 * @public
 */
export interface InstanceNews {
  /**
   * Names what happened, the same wherever and whenever it is told: two
   * backends that both saw it make one entry.
   */
  key: string;
  target: TargetRef;
  atMs: number;
  /** kebab-case: `instance-restarted`, `instance-evicted`, `instance-replaced`, `scaled`... */
  type: string;
  message: string;
  level: TimelineEvent['level'];
  generation?: string;
  reason?: Reason;
}

/** Watches instances. One watch, whatever number of people look. @public */
export interface LiveSource {
  /**
   * Calls back with the whole state of a target whenever it changes, and with
   * `unknown` when the source is lost. Never throws; ends with the signal.
   * A source that can tell also says what happened by itself; who does not ask
   * for that gives no `onNews`. `onSurroundings` hears, after `onChange`, what
   * is known of a target beside its instances, whenever that changes; a source
   * that cannot tell never calls it.
   */
  watch(
    onChange: (target: TargetRef, state: Observed<InstanceState[]>) => void,
    signal: AbortSignal,
    onNews?: (news: InstanceNews) => void,
    onSurroundings?: (
      target: TargetRef,
      state: Observed<TargetSurroundings>,
    ) => void,
  ): void;
}

/** Optional verbs: restart, scale, delete an instance, example traffic. @public */
export interface Operations {
  list(target: TargetRef, signal: AbortSignal): Promise<OperationView[]>;
  /** `InputError` for arguments that make no sense. */
  run(
    target: TargetRef,
    operation: string,
    args: Record<string, string | number | boolean>,
    key: string,
    signal: AbortSignal,
  ): Promise<{ message: string }>;
}
