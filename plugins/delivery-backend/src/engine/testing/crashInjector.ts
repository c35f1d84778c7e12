import { Connection } from '@slipway/backstage-plugin-delivery-node';
import { DeliveryStore } from '../../store';

/** The process is dead: nothing of it does anything any more. */
export class Killed extends Error {
  readonly name = 'Killed';
}

/**
 * Dies before the n-th call to the store or the world, and stays dead: every
 * later call fails too. Calls inside of a transaction count as well, so a death
 * in the middle rolls it back.
 */
export class CrashInjector {
  calls = 0;
  diedBefore?: string;

  constructor(
    private readonly dieAt: number,
    private readonly onDeath: () => void,
  ) {}

  store(store: DeliveryStore): DeliveryStore {
    return this.wrap('store', store, 2);
  }

  connection(connection: Connection): Connection {
    return {
      ...connection,
      workloads: this.wrap('workloads', connection.workloads, 1),
      traffic: this.wrap('traffic', connection.traffic, 1),
    };
  }

  private die(what: string): never {
    if (this.diedBefore === undefined) {
      this.diedBefore = what;
      this.onDeath();
    }
    throw new Killed(`Died before ${what}`);
  }

  private async call<T>(what: string, action: () => Promise<T>): Promise<T> {
    if (this.diedBefore !== undefined) {
      throw new Killed(`${what} is called by a dead process`);
    }
    this.calls += 1;
    if (this.calls === this.dieAt) {
      this.die(what);
    }
    return await action();
  }

  /** A proxy whose functions, and those of its parts, are counted. */
  private wrap<T extends object>(name: string, object: T, depth: number): T {
    return new Proxy(object, {
      get: (from, key, receiver) => {
        const value = Reflect.get(from, key, receiver);
        const path = `${name}.${String(key)}`;
        if (typeof value === 'function') {
          // `capabilities` of a router only tells what it is.
          return String(key) === 'capabilities'
            ? value.bind(from)
            : (...args: unknown[]) =>
                this.call(path, () => value.apply(from, args));
        }
        return depth > 1 && value && typeof value === 'object'
          ? this.wrap(path, value, depth - 1)
          : value;
      },
    });
  }
}
