import { LoggerService } from '@backstage/backend-plugin-api';
import {
  parseTarget,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { ClusterAccess } from '../clusterAccess';
import { TARGET_ANNOTATION, targetLabel } from '../names';
import { ClusterWatch } from './clusterWatch';

/** A target of this cluster, with where it lives. */
export interface LocatedTarget {
  target: TargetRef;
  namespace: string;
}

/** What has no namespace of the platform is asked about again after this. */
const ASK_AGAIN_MS = 60_000;

/**
 * Which target a label value stands for. The label is a hash; an object of ours
 * names the target in an annotation. Both are written by whoever may write in
 * the namespace, so they are believed only where the hash is right and the
 * platform has given this very namespace to the target.
 */
export interface TargetsOfLabels {
  /** `undefined`: not known (yet); `onFound` is called when it is. */
  find(label: string): LocatedTarget | undefined;
}

export function createTargetsOfLabels(options: {
  cluster: Pick<ClusterAccess, 'name' | 'namespaceOf'>;
  watch: ClusterWatch;
  logger: LoggerService;
  onFound(label: string): void;
}): TargetsOfLabels {
  const { cluster, watch, logger, onFound } = options;
  const found = new Map<string, LocatedTarget>();
  const asked = new Map<string, number>();

  function named(label: string): TargetRef | undefined {
    for (const { metadata } of [
      ...watch.labelled('Deployment', label),
      ...watch.labelled('Service', label),
    ]) {
      const target = parse(metadata.annotations?.[TARGET_ANNOTATION]);
      if (target && targetLabel(target) === label) {
        return target;
      }
    }
    return undefined;
  }

  function parse(ref: string | undefined): TargetRef | undefined {
    try {
      return ref === undefined ? undefined : parseTarget(ref);
    } catch (error) {
      logger.debug(
        `Cluster ${cluster.name}: an object names a target that is none: ${error}`,
      );
      return undefined;
    }
  }

  function ask(label: string, target: TargetRef) {
    asked.set(label, Date.now());
    cluster.namespaceOf(target).then(
      namespace => {
        found.set(label, { target, namespace });
        onFound(label);
      },
      error => {
        logger.debug(
          `Cluster ${cluster.name}: the target of ${label} is not shown: ${error}`,
        );
      },
    );
  }

  return {
    find(label) {
      const known = found.get(label);
      if (known) {
        return known;
      }
      const lastMs = asked.get(label);
      if (lastMs === undefined || Date.now() - lastMs > ASK_AGAIN_MS) {
        const target = named(label);
        if (target) {
          ask(label, target);
        }
      }
      return undefined;
    },
  };
}
