import { KubeClient } from './types';

/**
 * A client whose lists need not be newer than what it takes to go on: see
 * `ListOptions.recent`. What is written after such a list has to be written over
 * what was read, by resourceVersion, so that a list that was too old costs
 * another try and nothing else.
 */
export function readRecent(client: KubeClient): KubeClient {
  return {
    ...client,
    list: (kind, options, signal) =>
      client.list(kind, { ...options, recent: true }, signal),
  };
}
