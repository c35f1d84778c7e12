import { InstanceNews } from '@slipway/backstage-plugin-delivery-node';
import { Pod } from '../health';
import { ClusterWatch, WatchedChange } from './clusterWatch';
import {
  ConcernedTargets,
  isNodeChanged,
  labelsOnNode,
} from './concernedTargets';
import { newsOf, UntoldNews } from './news';
import { newsOfNode } from './nodeNews';
import { followReplacements } from './replacements';
import { TargetsOfLabels } from './targets';

/** Tells each target what happened to it by itself, as changes come. */
export function createNewsTeller(options: {
  watch: ClusterWatch;
  targets: TargetsOfLabels;
  concerned: ConcernedTargets;
  onNews(news: InstanceNews): void;
  signal: AbortSignal;
}): (change: WatchedChange) => void {
  const { watch, targets, concerned, onNews, signal } = options;

  function tell(label: string, news: UntoldNews) {
    const located = targets.find(label);
    if (located) {
      onNews({ ...news, target: located.target });
    }
  }

  /** A node is no target's: each that has pods there hears of it. */
  function tellOfNode({ kind, before, after }: WatchedChange) {
    const node = after ?? before;
    if (kind !== 'Node' || !node || !isNodeChanged(before, after)) {
      return;
    }
    for (const label of new Set(labelsOnNode(watch, node))) {
      const pods = (watch.labelled('Pod', label) as Pod[]).filter(
        ({ spec }) => spec?.nodeName === node.metadata.name,
      );
      const news = newsOfNode({ before, after }, pods);
      if (news) {
        tell(label, news);
      }
    }
  }

  const noteReplacement = followReplacements(watch, tell, signal);
  return change => {
    tellOfNode(change);
    const object = change.after ?? change.before;
    const [label] = object ? concerned.of(change.kind, object) : [];
    if (label !== undefined) {
      newsOf(change).forEach(news => tell(label, news));
      noteReplacement(change);
    }
  };
}
