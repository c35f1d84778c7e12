import {
  InstanceState,
  Observed,
  TargetRef,
  parseTarget,
} from '@slipway/backstage-plugin-delivery-common';

export type ChangeListener = (
  target: TargetRef,
  state: Observed<InstanceState[]>,
) => void;

/** Tells listeners what is new of a target, once for each turn of the event loop. */
export class ChangeNotices {
  private readonly listeners = new Set<ChangeListener>();
  private readonly changed = new Set<string>();

  /** `read` gives what is new of a target; `undefined`: it is gone. */
  constructor(
    private readonly read: (
      id: string,
    ) => Observed<InstanceState[]> | undefined,
  ) {}

  /** Returns the function that takes the listener off again. */
  watch(listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell(id: string): void {
    this.changed.add(id);
    if (this.changed.size === 1) {
      setImmediate(() => this.tellAll());
    }
  }

  private tellAll(): void {
    const ids = [...this.changed];
    this.changed.clear();
    for (const id of ids) {
      const state = this.read(id);
      if (state) {
        for (const listener of this.listeners) {
          listener(parseTarget(id), state);
        }
      }
    }
  }
}
