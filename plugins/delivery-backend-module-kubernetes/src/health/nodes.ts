import { condition, Node, Pod, timeMs } from './objects';
import { NamedCause } from './types';

/** Whether the node under the pod is gone, or does not answer. */
export function causeOfNode(
  pod: Pod,
  nodes: readonly Node[] | undefined,
  nowMs: number,
): NamedCause | undefined {
  const name = pod.spec?.nodeName;
  if (!name) {
    return undefined;
  }
  const lost = pod.status?.reason === 'NodeLost';
  const node = nodes?.find(({ metadata }) => metadata.name === name);
  if (nodes && !node) {
    return {
      code: 'node-gone',
      summary: `The node ${name} does not exist any more`,
      evidence: `The cluster has ${nodes.length} node${
        nodes.length === 1 ? '' : 's'
      }, and none of that name`,
      action: 'The pod is replaced by itself; nothing is to be done',
      sinceMs: nowMs,
    };
  }
  const ready = node && condition(node, 'Ready');
  if ((ready && ready.status !== 'True') || lost) {
    return {
      code: 'node-not-ready',
      summary: `The node ${name} does not answer`,
      evidence:
        ready?.message ?? pod.status?.message ?? 'The pod is reported as lost',
      action:
        'Pods are replaced on other nodes after their toleration (300 s unless it is set); see why the node is away',
      sinceMs: timeMs(ready?.lastTransitionTime) ?? nowMs,
    };
  }
  return undefined;
}
