import { LoggerService } from '@backstage/backend-plugin-api';
import { LiveSource } from '@slipway/backstage-plugin-delivery-node';
import { ClusterAccess } from '../clusterAccess';
import { createDigestCheck, DigestCheck } from '../workloads';
import { ClusterWatch, WatchedChange } from './clusterWatch';
import {
  createConcernedTargets,
  isNodeChanged,
  labelsOnNode,
} from './concernedTargets';
import { createGathering } from './gathering';
import { createTargetLook } from './lookAtTarget';
import { createTargetsOfLabels } from './targets';
import { createNewsTeller } from './tellNews';
import { createTold } from './told';

/**
 * A cluster's instances, from its watch: the whole state of a target whenever
 * it changes, `unknown` while the watch is lost.
 */
export function createLiveSource(options: {
  cluster: ClusterAccess;
  watch: ClusterWatch;
  logger: LoggerService;
  /** Tells what pods really run; shared with those who decide by it. */
  digests?: DigestCheck;
}): LiveSource {
  const { cluster, watch, logger, digests = createDigestCheck() } = options;

  return {
    watch(onChange, signal, onNews, onSurroundings) {
      const told = createTold({ onChange, onSurroundings });
      const { mark, lookAgain } = createGathering(tellOf, signal);
      const targets = createTargetsOfLabels({
        cluster,
        watch,
        logger,
        onFound: label => mark([label]),
      });
      const look = createTargetLook({
        cluster,
        watch,
        logger,
        digests,
        onLearnt: label => mark([label]),
        onUnsettled: lookAgain,
        signal,
      });
      const concerned = createConcernedTargets(watch);
      const tellNews =
        onNews &&
        createNewsTeller({ watch, targets, concerned, onNews, signal });
      let lost = lostKinds(watch);

      function tellOf(label: string) {
        const located = targets.find(label);
        if (!located) {
          return;
        }
        const { target, namespace } = located;
        const trouble = watch.lost(namespace);
        if (trouble) {
          const { reason: unknown, sinceMs } = trouble;
          const state = { unknown, sinceMs };
          told.tell(label, target, { state, beside: state });
        } else {
          told.tell(label, target, look(label, namespace));
        }
      }

      function markConcerned({ kind, before, after }: WatchedChange) {
        if (kind === 'Node' && isNodeChanged(before, after)) {
          mark(labelsOnNode(watch, before ?? after));
        }
        for (const object of [before, after]) {
          if (object) {
            mark(concerned.of(kind, object));
          }
        }
      }

      const stops = [
        watch.onChange(changes => {
          if (tellNews) {
            changes.forEach(tellNews);
          }
          for (const change of changes) {
            markConcerned(change);
            concerned.follow(change);
          }
        }),
        watch.onStatus(() => {
          const now = lostKinds(watch);
          if (now !== lost) {
            lost = now;
            mark(new Set([...told.labels(), ...watch.labels()]));
          }
        }),
      ];
      signal.addEventListener('abort', () => stops.forEach(stop => stop()), {
        once: true,
      });
      watch.start(signal);
      mark(watch.labels());
    },
  };
}

/** The kinds that are not seen, as a text to compare. */
function lostKinds(watch: ClusterWatch): string {
  return watch
    .status()
    .filter(({ status }) => status.state === 'lost')
    .map(({ kind, namespace }) => `${namespace ?? ''}/${kind}`)
    .join();
}
