import { Connection } from '@slipway/backstage-plugin-delivery-node';
import { DeliveryStore } from '../../store';

/** Called before each call that leaves the process. */
export type BeforeCall = (call: {
  name: string;
  /** The call belongs to a transaction that may still be rolled back. */
  inTransaction: boolean;
}) => Promise<void> | void;

/** Only tell what they are; nothing leaves the process. */
const LOCAL = new Set(['capabilities', 'subscribe']);

function wrap<T extends object>(
  name: string,
  object: T,
  depth: number,
  call: (name: string, action: () => unknown) => Promise<unknown>,
): T {
  return new Proxy(object, {
    get(from, key, receiver) {
      const value = Reflect.get(from, key, receiver);
      const path = `${name}.${String(key)}`;
      if (typeof value === 'function') {
        return LOCAL.has(String(key))
          ? value.bind(from)
          : (...args: unknown[]) => call(path, () => value.apply(from, args));
      }
      return depth > 1 && value && typeof value === 'object'
        ? wrap(path, value, depth - 1, call)
        : value;
    },
  });
}

/** The store and the connection with a hook before each of their calls. */
export function hookCalls(options: {
  store: DeliveryStore;
  connection: Connection;
  before: BeforeCall;
}): { store: DeliveryStore; connection: Connection } {
  const { connection, before } = options;
  let transactions = 0;
  const call = async (name: string, action: () => unknown) => {
    await before({ name, inTransaction: transactions > 0 });
    if (name !== 'store.transaction') {
      return await action();
    }
    transactions += 1;
    try {
      return await action();
    } finally {
      transactions -= 1;
    }
  };
  return {
    store: wrap('store', options.store, 2, call),
    connection: {
      ...connection,
      workloads: wrap('workloads', connection.workloads, 1, call),
      traffic: wrap('traffic', connection.traffic, 1, call),
    },
  };
}
