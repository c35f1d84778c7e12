import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { ClusterAccess } from '../clusterAccess';
import { Pod, PodOwner } from '../health';
import {
  GENERATION_LABEL,
  TARGET_LABEL,
  targetLabel,
  TRACK_ANNOTATION,
} from '../names';
import { ClusterWatch } from '../watch';

/** How often pods are listed while somebody reads and there is no watch. */
const LIST_EVERY_MS = 2_000;

/** A target's pods, and the track of each of its generations. */
export interface TargetPods {
  pods: Pod[];
  tracks: ReadonlyMap<string, string>;
}

/** Where the logs learn which pods there are. */
export interface PodSource {
  read(target: TargetRef, signal: AbortSignal): Promise<TargetPods>;
  /** Calls when they may have changed, until the signal. */
  follow(target: TargetRef, onChange: () => void, signal: AbortSignal): void;
}

function tracksOf(deployments: PodOwner[]): Map<string, string> {
  return new Map(
    deployments.flatMap(({ metadata }) => {
      const generation = metadata.labels?.[GENERATION_LABEL];
      const track = metadata.annotations?.[TRACK_ANNOTATION];
      return generation && track ? [[generation, track] as const] : [];
    }),
  );
}

/** From the watch while it is current, which costs nothing; else from the API. */
export function createPodSource(options: {
  cluster: ClusterAccess;
  watch?: ClusterWatch;
}): PodSource {
  const { cluster, watch } = options;
  const { client } = cluster;

  return {
    async read(target, signal) {
      const namespace = await cluster.namespaceOf(target);
      const label = targetLabel(target);
      if (watch && !watch.lost()) {
        const of = (kind: string) =>
          watch
            .labelled(kind, label)
            .filter(({ metadata }) => metadata.namespace === namespace);
        return { pods: of('Pod'), tracks: tracksOf(of('Deployment')) };
      }
      const selector = { namespace, labelSelector: `${TARGET_LABEL}=${label}` };
      const [pods, deployments] = await Promise.all([
        client.list({ apiVersion: 'v1', kind: 'Pod' }, selector, signal),
        client.list(
          { apiVersion: 'apps/v1', kind: 'Deployment' },
          { ...selector, metadataOnly: true },
          signal,
        ),
      ]);
      return { pods: pods.items, tracks: tracksOf(deployments.items) };
    },
    follow(target, onChange, signal) {
      const label = targetLabel(target);
      const stop = watch?.onChange(changes => {
        if (
          changes.some(({ before, after }) =>
            [before, after].some(
              object => object?.metadata.labels?.[TARGET_LABEL] === label,
            ),
          )
        ) {
          onChange();
        }
      });
      const timer = setInterval(() => {
        if (!watch || watch.lost()) {
          onChange();
        }
      }, LIST_EVERY_MS);
      signal.addEventListener(
        'abort',
        () => {
          clearInterval(timer);
          stop?.();
        },
        { once: true },
      );
    },
  };
}
