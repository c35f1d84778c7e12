import { ServiceUnavailableError } from '@backstage/errors';
import { ClusterAccess } from '../clusterAccess';
import { KubeClient } from '../client';
import { TARGET_LABEL } from '../names';
import { ClusterWatch } from './clusterWatch';

/** Reads a target's objects as the API would list them, from the watch. */
export interface WatchedReader {
  namespaceOf: ClusterAccess['namespaceOf'];
  client: Pick<KubeClient, 'list' | 'resource'>;
}

/**
 * What the watch has, for whoever shows it: no call to the cluster.
 *
 * Errors: `ServiceUnavailableError` while a kind is not seen, so that what is
 * not known is not taken for what is not there.
 */
export function createWatchedReader(options: {
  cluster: Pick<ClusterAccess, 'name' | 'namespaceOf'>;
  watch: ClusterWatch;
}): WatchedReader {
  const { cluster, watch } = options;

  function statusOf(kind: string, namespace: string | undefined) {
    return watch
      .status()
      .filter(
        entry =>
          entry.kind === kind &&
          (entry.namespace === undefined || entry.namespace === namespace),
      )
      .map(({ status }) => status);
  }

  return {
    namespaceOf: target => cluster.namespaceOf(target),
    client: {
      async list({ kind }, { namespace, labelSelector = '' }) {
        const [name, label] = labelSelector.split('=');
        if (name !== TARGET_LABEL || label === undefined) {
          throw new TypeError(
            `The watch lists by ${TARGET_LABEL}=VALUE only; found "${labelSelector}"`,
          );
        }
        const states = statusOf(kind, namespace);
        const lost = states.find(({ state }) => state === 'lost');
        if (states.length === 0 || lost) {
          throw new ServiceUnavailableError(
            `The watch of ${kind} on cluster ${cluster.name} is lost: ${
              lost && 'reason' in lost ? lost.reason : 'it is not watched'
            }`,
          );
        }
        return {
          items: watch
            .labelled(kind, label)
            .filter(({ metadata }) => metadata.namespace === namespace),
          resourceVersion: '',
        };
      },
      async resource(apiVersion, kind) {
        const served = watch
          .status()
          .some(
            entry => entry.kind === kind && entry.status.state !== 'absent',
          );
        return served
          ? { apiVersion, kind, plural: '', namespaced: true, verbs: [] }
          : undefined;
      },
    },
  };
}
