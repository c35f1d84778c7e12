import { KubeClient, ListOptions, ObjectList } from './types';

interface SharedList {
  answer: Promise<ObjectList>;
  controller: AbortController;
  readers: number;
}

/**
 * A client for looking at a target from several sides at once: lists that are
 * asked for in the same turn of the event loop, in the same words, are one
 * request. Its readers get the same objects and change nothing of them.
 *
 * Not for what is read to be written over: whoever writes reads for itself.
 */
export function shareLists(client: KubeClient): KubeClient {
  const underWay = new Map<string, SharedList>();

  function begin(
    key: string,
    kind: { apiVersion: string; kind: string },
    options: ListOptions,
  ): SharedList {
    const controller = new AbortController();
    const shared = {
      answer: client.list(kind, options, controller.signal),
      controller,
      readers: 0,
    };
    underWay.set(key, shared);
    // A list that somebody asked for earlier may be older than what the next
    // reader has just written.
    setImmediate(() => underWay.delete(key));
    return shared;
  }

  return {
    ...client,
    async list({ apiVersion, kind }, options, signal) {
      signal.throwIfAborted();
      if (options.slim) {
        return await client.list({ apiVersion, kind }, options, signal);
      }
      const key = JSON.stringify([apiVersion, kind, options]);
      const shared =
        underWay.get(key) ?? begin(key, { apiVersion, kind }, options);
      shared.readers += 1;
      return await new Promise<ObjectList>((resolve, reject) => {
        // One reader who gives up takes nothing from the others.
        const leave = () => {
          shared.readers -= 1;
          if (shared.readers === 0) {
            shared.controller.abort(signal.reason);
          }
          reject(signal.reason);
        };
        signal.addEventListener('abort', leave, { once: true });
        shared.answer
          .finally(() => signal.removeEventListener('abort', leave))
          .then(resolve, reject);
      });
    },
  };
}
