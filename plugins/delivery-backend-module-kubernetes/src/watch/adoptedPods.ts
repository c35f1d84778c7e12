import { KubeClient } from '../client';
import { Pod, PodOwner } from '../health';
import { GENERATION_LABEL, ROLE_LABEL } from '../names';
import { readAdoptedPods } from '../workloads';

/**
 * The pods of Deployments that were there before us: they carry no label of
 * ours, so the watch does not bring them. They are read when their Deployment,
 * which is watched, has changed, and not for anybody who looks.
 */
export interface AdoptedPods {
  /** What was read last; `onRead` is called when that has changed. */
  of(
    label: string,
    deployments: PodOwner[],
  ): Array<{ pod: Pod; generation: string }>;
}

export function createAdoptedPods(options: {
  client: KubeClient;
  onRead(label: string): void;
  onProblem(message: string): void;
  signal: AbortSignal;
}): AdoptedPods {
  const { client, onRead, onProblem, signal } = options;
  const known = new Map<
    string,
    { version: string; found: Array<{ pod: Pod; generation: string }> }
  >();

  async function read(label: string, version: string, owners: PodOwner[]) {
    const found = await Promise.all(
      owners.map(async object => {
        const generation = object.metadata.labels?.[GENERATION_LABEL] ?? '';
        const pods = await readAdoptedPods(client, { object }, signal);
        return pods.map(pod => ({ pod, generation }));
      }),
    );
    if (known.get(label)?.version === version) {
      known.set(label, { version, found: found.flat() });
      onRead(label);
    }
  }

  return {
    of(label, deployments) {
      const owners = deployments.filter(
        ({ metadata, spec }) =>
          metadata.labels?.[ROLE_LABEL] === 'adopted' &&
          (spec?.replicas ?? 1) > 0,
      );
      if (owners.length === 0) {
        known.delete(label);
        return [];
      }
      const version = owners
        .map(({ metadata }) => metadata.resourceVersion)
        .join();
      const before = known.get(label);
      if (before?.version !== version) {
        known.set(label, { version, found: before?.found ?? [] });
        read(label, version, owners).catch(error => {
          if (!signal.aborted) {
            // The next change of the Deployment asks again.
            known.delete(label);
            onProblem(`The pods of an adopted Deployment: ${error}`);
          }
        });
      }
      return known.get(label)?.found ?? [];
    },
  };
}
