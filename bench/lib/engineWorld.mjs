/*
 * The simulated orchestrator of the engine's bench lives in the parent process,
 * so that it outlives a worker that is killed; workers reach it by messages.
 */

/** Answers the calls of a worker on the real (simulated) connection. */
export function serveWorld(child, connection) {
  const never = new AbortController().signal;
  child.on('message', async message => {
    if (message.type !== 'world') {
      return;
    }
    const { id, part, verb, args } = message;
    let answer;
    try {
      answer = { value: await connection[part][verb](...args, never) };
    } catch (error) {
      answer = {
        error: { name: error.name, message: error.message, ...error },
      };
    }
    if (child.connected) {
      child.send({ type: 'answer', id, ...answer }, () => {});
    }
  });
}

/** The connection of a worker: every call goes to the parent. */
export function remoteConnection() {
  const waiting = new Map();
  let serial = 0;
  process.on('message', message => {
    if (message.type !== 'answer') {
      return;
    }
    const { resolve, reject } = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) {
      reject(Object.assign(new Error(message.error.message), message.error));
    } else {
      resolve(message.value);
    }
  });
  const call = (part, verb, args) =>
    new Promise((resolve, reject) => {
      serial += 1;
      waiting.set(serial, { resolve, reject });
      process.send({ type: 'world', id: serial, part, verb, args });
    });
  return {
    type: 'fake',
    name: 'default',
    renderers: [],
    live: { watch() {} },
    notices: () => [],
    metrics: [
      {
        id: 'fake',
        metrics: () => [
          { name: 'success-rate', unit: 'ratio', description: 'simulated' },
        ],
        query: async () => ({
          outcome: { type: 'value', value: 1, samples: 400 },
          query: 'simulated',
        }),
      },
    ],
    workloads: {
      fencing: 'compare-and-set',
      ensure: (target, fence, { plan, ...generation }) =>
        call('workloads', 'ensure', [
          target,
          fence,
          { ...generation, plan: { id: plan.id } },
        ]),
      observe: target => call('workloads', 'observe', [target]),
      remove: (target, fence, generation) =>
        call('workloads', 'remove', [target, fence, generation]),
    },
    traffic: {
      fencing: 'compare-and-set',
      capabilities: () => ({ weights: true }),
      request: (target, fence, shares) =>
        call('traffic', 'request', [target, fence, shares]),
      observe: target => call('traffic', 'observe', [target]),
    },
  };
}
