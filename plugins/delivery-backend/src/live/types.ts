import {
  ChangeEvent,
  InstanceState,
  Observed,
  ServiceRef,
  TargetCause,
  TargetRef,
  TargetSurroundings,
} from '@slipway/backstage-plugin-delivery-common';

/** What runs now, from the connections' watches; lives in memory only. */
export interface Live {
  /** Starts one watch for each connection; they end with the signal. */
  start(signal: AbortSignal): void;
  /** The latest that was heard of the target, or why nothing is known. */
  instances(target: TargetRef): Observed<InstanceState[]>;
  /** What is known beside the instances; `undefined`: nobody tells. */
  surroundings(target: TargetRef): Observed<TargetSurroundings> | undefined;
  /** Returns the function that takes the listener off again. */
  onChange(listener: LiveListener): () => void;
  /**
   * Where this process's live state stands. `process` changes with each start
   * of a backend: a position of another process says nothing here.
   */
  position(): LivePosition;
  /** Targets that changed after the sequence number, oldest change first. */
  changedSince(sequence: number): LiveChange[];
}

export interface LivePosition {
  process: string;
  sequence: number;
}

export interface LiveChange {
  target: TargetRef;
  state: Observed<InstanceState[]>;
  surroundings?: Observed<TargetSurroundings>;
  sequence: number;
}

export type LiveListener = (change: LiveChange) => void;

/** One viewer's view of the change stream. Closed by its owner. */
export interface ChangeSubscription {
  /**
   * The next events, or an empty array when `waitMs` passed without any.
   * Throws nothing when the signal aborts: it answers an empty array.
   */
  next(waitMs: number, signal: AbortSignal): Promise<ChangeEvent[]>;
  /** The id to resume from: everything up to it was handed out by `next`. */
  position(): string;
  close(): void;
}

export interface ChangeStream {
  /** Starts the one feed reader of this backend; ends with the signal. */
  start(signal: AbortSignal): void;
  subscribe(options: {
    /** Absent: from now on. */
    lastEventId?: string;
    /** Only these services; absent: all. */
    services?: ServiceRef[];
  }): Promise<ChangeSubscription>;
  /** How many viewers are connected; for metrics and tests. */
  viewers(): number;
}

/** The causes alone, as the API has them. */
export function causesIn(
  surroundings: Observed<TargetSurroundings> | undefined,
): Observed<TargetCause[]> | undefined {
  return surroundings && 'known' in surroundings
    ? { ...surroundings, known: surroundings.known.causes }
    : surroundings;
}
