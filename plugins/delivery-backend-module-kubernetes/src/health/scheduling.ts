import { HealthCode } from './codes';
import { EventNote } from './events';
import { condition, Node, Pod, timeMs } from './objects';
import { missingReference } from './references';
import { NamedCause } from './types';

interface Constraint {
  code: HealthCode;
  matches: RegExp;
  action: string;
}

/** The scheduler's own words for what a node lacks. */
const CONSTRAINTS: Constraint[] = [
  {
    code: 'volume-claim-unbound',
    matches: /unbound immediate PersistentVolumeClaims|volume node affinity/i,
    action:
      'See the PersistentVolumeClaim: its storage class must exist and be able to make the volume where the pod may run',
  },
  {
    code: 'unschedulable-resources',
    matches: /Insufficient |Too many pods/,
    action:
      'Ask for less in resources.requests, scale something else down, or add nodes',
  },
  {
    code: 'unschedulable-ports',
    matches: /free ports/i,
    action: 'Do not use hostPort, or have more nodes than replicas',
  },
  {
    code: 'unschedulable-placement',
    matches: /affinity|selector|topology spread/i,
    action:
      'Correct nodeSelector, affinity or topologySpreadConstraints, or label nodes so that one of them fits',
  },
  {
    code: 'unschedulable-taints',
    matches: /untolerated taint|were unschedulable/i,
    action:
      'Uncordon a node, remove the taint, or give the pod a toleration for it',
  },
];

/** Why a pod has no node, and which constraint keeps it from each. */
export function causeOfScheduling(
  pod: Pod,
  events: EventNote[],
  nodes: readonly Node[] | undefined,
  nowMs: number,
): NamedCause | undefined {
  const scheduled = condition(pod, 'PodScheduled');
  if (pod.spec?.nodeName || scheduled?.status !== 'False') {
    return undefined;
  }
  const sinceMs = timeMs(scheduled.lastTransitionTime) ?? nowMs;
  if (scheduled.reason === 'SchedulingGated') {
    return {
      code: 'scheduling-gated',
      summary: 'The pod waits for a scheduling gate',
      evidence: scheduled.message,
      action: 'See what should take the gate away (spec.schedulingGates)',
      sinceMs,
    };
  }
  const message =
    scheduled.message ||
    events.find(note => note.reason === 'FailedScheduling')?.message ||
    'no reason given';
  const missing = missingReference(message, sinceMs);
  if (missing) {
    return missing;
  }
  const details = constraintsOf(message);
  // Several constraints: the one that keeps most nodes away is the one to fix.
  const [leading] = details.sort((a, b) => b.nodes - a.nodes);
  // Before it comes to the nodes the scheduler says a sentence without counts.
  const constraint = CONSTRAINTS.find(({ matches }) =>
    matches.test(leading?.text ?? message),
  );
  const evidence = [message, ...describeNodes(pod, nodes)].join('\n');
  return {
    code: constraint?.code ?? 'unschedulable',
    summary: `No node can take the pod: ${
      details
        .map(({ text, nodes: count }) => `${count} × ${text}`)
        .join(', ') || message
    }`,
    evidence,
    action: constraint?.action ?? 'The message of the scheduler says why',
    sinceMs,
  };
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: ...` */
function constraintsOf(message: string) {
  const [, list = ''] =
    message.match(/nodes are available: ([\s\S]*?)(?:\. |\.$|$)/) ?? [];
  return [...list.matchAll(/(\d+) (?:node\(s\) )?([^,]+?)(?=, \d+ |$)/g)].map(
    ([, nodes, text]) => ({ nodes: Number(nodes), text: text.trim() }),
  );
}

/** The scheduler counts nodes and does not name them; what can be known is named here. */
function describeNodes(pod: Pod, nodes: readonly Node[] = []): string[] {
  return nodes.slice(0, 20).flatMap(node => {
    const reasons: string[] = [];
    if (node.spec?.unschedulable) {
      reasons.push('cordoned');
    }
    for (const { key, value, effect } of node.spec?.taints ?? []) {
      if (
        effect !== 'PreferNoSchedule' &&
        key !== 'node.kubernetes.io/unschedulable' &&
        !tolerates(pod, key, value, effect)
      ) {
        reasons.push(`taint ${key}${value ? `=${value}` : ''}:${effect}`);
      }
    }
    for (const [label, value] of Object.entries(pod.spec?.nodeSelector ?? {})) {
      if (node.metadata.labels?.[label] !== value) {
        reasons.push(`no label ${label}=${value}`);
      }
    }
    return reasons.length > 0
      ? [`${node.metadata.name}: ${reasons.join(', ')}`]
      : [];
  });
}

function tolerates(pod: Pod, key: string, value = '', effect: string) {
  return (pod.spec?.tolerations ?? []).some(
    toleration =>
      (toleration.effect === undefined || toleration.effect === effect) &&
      (toleration.key === undefined || toleration.key === key) &&
      (toleration.operator === 'Exists' ||
        (toleration.key !== undefined && (toleration.value ?? '') === value)),
  );
}
