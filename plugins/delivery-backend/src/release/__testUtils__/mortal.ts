import { DeliveryStore } from '../../store';

/**
 * A process that dies at its n-th step: from then on none of its calls to the
 * outside comes back, as after `kill -9`. A transaction is one step; it dies
 * before it or not at all, as a database rolls back what was not committed.
 */
export class Mortal {
  steps = 0;
  readonly names: string[] = [];
  private died?: () => void;
  readonly death: Promise<void>;

  constructor(private readonly diesAt: number) {
    this.death = new Promise(resolve => {
      this.died = resolve;
    });
  }

  get isDead(): boolean {
    return this.steps >= this.diesAt;
  }

  private async step(name: string): Promise<void> {
    if (!this.isDead) {
      this.steps += 1;
      this.names.push(name);
    }
    if (this.isDead) {
      this.died?.();
      await new Promise<never>(() => {});
    }
  }

  /** The same object, whose methods are steps. */
  wrap<T extends object>(target: T, name: string): T {
    return new Proxy(target, {
      get: (object, key, receiver) => {
        const value: unknown = Reflect.get(object, key, receiver);
        if (typeof value === 'function' && key !== 'handles') {
          return async (...args: unknown[]) => {
            await this.step(`${name}.${String(key)}`);
            return Reflect.apply(value, object, args);
          };
        }
        return value;
      },
    });
  }

  /** Inside a transaction the calls are part of its one step. */
  wrapStore(store: DeliveryStore): DeliveryStore {
    const groups = Object.fromEntries(
      (
        [
          'releases',
          'work',
          'commands',
          'blobs',
          'services',
          'targets',
        ] as const
      ).map(group => [group, this.wrap<object>(store[group], group)]),
    );
    let inTransaction = false;
    const outside = { ...store, ...groups };
    return new Proxy(outside, {
      get: (object, key, receiver) => {
        if (key === 'transaction') {
          return async (work: Parameters<DeliveryStore['transaction']>[0]) => {
            await this.step('transaction');
            inTransaction = true;
            try {
              return await store.transaction(work);
            } finally {
              inTransaction = false;
            }
          };
        }
        return Reflect.get(inTransaction ? store : object, key, receiver);
      },
    });
  }
}
