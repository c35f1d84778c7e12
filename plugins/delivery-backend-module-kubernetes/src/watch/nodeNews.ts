import { condition, Node, Pod, timeMs } from '../health';
import { UntoldNews } from './news';

/** Names of pods that a sentence can hold. */
const NAMED = 5;

/**
 * What a change of a node means for a target that has these pods on it: the
 * node is lost, is back, or is about to be drained. Pure; the same change has
 * the same key.
 */
export function newsOfNode(
  { before, after }: { before?: Node; after?: Node },
  pods: Pod[],
): UntoldNews | undefined {
  const node = after ?? before;
  if (!before || !node || pods.length === 0) {
    return undefined;
  }
  const { name, uid } = node.metadata;
  const names = pods.map(pod => pod.metadata.name).sort();
  const concerned =
    names.slice(0, NAMED).join(', ') +
    (names.length > NAMED ? ` and ${names.length - NAMED} more` : '');
  const was = condition(before, 'Ready');
  const is = after && condition(after, 'Ready');
  const atMs = timeMs(is?.lastTransitionTime) ?? Date.now();
  if (!after) {
    return {
      key: `node-gone/${uid}`,
      atMs: Date.now(),
      type: 'node-lost',
      level: 'warning',
      message: `The node ${name} does not exist any more; ${concerned} ran there`,
    };
  }
  if (was?.status === 'True' && is?.status !== 'True') {
    return {
      key: `node-lost/${uid}/${is?.lastTransitionTime ?? ''}`,
      atMs,
      type: 'node-lost',
      level: 'warning',
      message: `The node ${name} does not answer any more; ${concerned} run there, and are replaced elsewhere after their toleration`,
      reason: {
        code: 'node-not-ready',
        message: `The node ${name} does not answer`,
        evidence: is?.message,
        action: 'See why the node is away',
      },
    };
  }
  if (was && was.status !== 'True' && is?.status === 'True') {
    return {
      key: `node-back/${uid}/${is.lastTransitionTime ?? ''}`,
      atMs,
      type: 'node-back',
      level: 'info',
      message: `The node ${name} answers again; ${concerned} run there`,
    };
  }
  if (!before.spec?.unschedulable && after.spec?.unschedulable) {
    return {
      key: `node-cordoned/${uid}/${after.metadata.resourceVersion ?? ''}`,
      atMs: Date.now(),
      type: 'node-cordoned',
      level: 'info',
      message: `The node ${name} takes no new pods any more, as before it is drained; ${concerned} run there`,
    };
  }
  return undefined;
}
