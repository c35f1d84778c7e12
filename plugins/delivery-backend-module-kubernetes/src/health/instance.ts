import { causeOfContainer } from './containers';
import { EventNote, eventsAbout } from './events';
import { causeOfNode } from './nodes';
import { Container, ContainerStatus, Pod, condition, timeMs } from './objects';
import { causeOfProbe } from './probes';
import { missingReference } from './references';
import { causeOfScheduling } from './scheduling';
import { HealthContext, NamedCause } from './types';

/** A pod that is created and has no events yet may still be on its way. */
const EVICTED = 'Evicted';

/**
 * Why a pod is not ready: the first cause on its way from the scheduler to its
 * probes. `undefined` when it is ready, or when nothing is wrong yet.
 *
 * Pure. The more the context holds, the more the cause says: without events a
 * failing probe is known by time only and volumes are not known at all; without
 * nodes nothing is said about them.
 */
export function causeOfInstance(
  pod: Pod,
  context: HealthContext,
): NamedCause | undefined {
  const { nowMs, nodes } = context;
  const { status } = pod;
  const node = causeOfNode(pod, nodes, nowMs);
  if (node) {
    return node;
  }
  if (
    pod.metadata.deletionTimestamp ||
    condition(pod, 'Ready')?.status === 'True' ||
    (status?.phase === 'Succeeded' && status.reason !== EVICTED)
  ) {
    return undefined;
  }
  const events = eventsAbout(pod, context.events);
  if (status?.reason === EVICTED || status?.reason === 'Preempted') {
    return {
      code: 'evicted',
      summary: `The pod was evicted from ${pod.spec?.nodeName ?? 'its node'}`,
      evidence: status.message,
      action:
        'It is replaced by itself; set resources.requests to what it needs so that it does not happen again',
      sinceMs: events[0]?.lastAtMs ?? nowMs,
    };
  }
  return (
    causeOfScheduling(pod, events, nodes, nowMs) ??
    causeOfContainers(pod, events, context) ??
    causeOfPreparation(pod, events, nowMs) ??
    causeOfProbes(pod, events, nowMs) ??
    causeOfGates(pod, nowMs)
  );
}

function containersOf(
  pod: Pod,
): Array<{ status: ContainerStatus; spec?: Container }> {
  const pairs = (statuses?: ContainerStatus[], specs?: Container[]) =>
    (statuses ?? []).map(status => ({
      status,
      spec: specs?.find(({ name }) => name === status.name),
    }));
  return [
    ...pairs(pod.status?.initContainerStatuses, pod.spec?.initContainers),
    ...pairs(pod.status?.containerStatuses, pod.spec?.containers),
  ];
}

function causeOfContainers(
  pod: Pod,
  events: EventNote[],
  { nowMs, lastLines }: HealthContext,
): NamedCause | undefined {
  const inits = new Set(
    (pod.status?.initContainerStatuses ?? []).map(({ name }) => name),
  );
  for (const { status, spec } of containersOf(pod)) {
    // An init container that ended well has done what it is for.
    const done =
      inits.has(status.name) && status.state?.terminated?.exitCode === 0;
    const cause =
      !done && causeOfContainer({ status, spec, events, nowMs, lastLines });
    if (cause) {
      return cause;
    }
  }
  return undefined;
}

/** Between scheduling and the containers' start: volumes and the sandbox. */
function causeOfPreparation(
  pod: Pod,
  events: EventNote[],
  nowMs: number,
): NamedCause | undefined {
  const waits = containersOf(pod).some(({ status }) =>
    ['ContainerCreating', 'PodInitializing'].includes(
      status.state?.waiting?.reason ?? '',
    ),
  );
  const fault =
    waits &&
    events.find(({ reason }) =>
      ['FailedMount', 'FailedAttachVolume', 'FailedCreatePodSandBox'].includes(
        reason,
      ),
    );
  if (!fault) {
    return undefined;
  }
  const sinceMs = fault.firstAtMs || nowMs;
  const missing = missingReference(fault.message, sinceMs);
  if (missing) {
    return missing;
  }
  if (fault.reason === 'FailedCreatePodSandBox') {
    return {
      code: 'sandbox-failed',
      summary: `The node ${pod.spec?.nodeName} cannot make the pod's sandbox`,
      evidence: fault.message,
      action: "See the node's network plugin and container runtime",
      sinceMs,
    };
  }
  return {
    code:
      fault.reason === 'FailedMount'
        ? 'volume-mount-failed'
        : 'volume-attach-failed',
    summary: `A volume of the pod cannot be ${
      fault.reason === 'FailedMount' ? 'mounted' : 'attached'
    } on ${pod.spec?.nodeName}`,
    evidence: fault.message,
    action:
      'See what the message names: the volume, its driver, or another pod that still holds it',
    sinceMs,
  };
}

function causeOfProbes(
  pod: Pod,
  events: EventNote[],
  nowMs: number,
): NamedCause | undefined {
  for (const { status, spec } of containersOf(pod)) {
    const cause = causeOfProbe({ status, spec, events, nowMs });
    if (cause) {
      return cause;
    }
  }
  return undefined;
}

function causeOfGates(pod: Pod, nowMs: number): NamedCause | undefined {
  if (condition(pod, 'ContainersReady')?.status !== 'True') {
    return undefined;
  }
  const waiting = (pod.spec?.readinessGates ?? []).filter(
    ({ conditionType }) => condition(pod, conditionType)?.status !== 'True',
  );
  if (waiting.length === 0) {
    return undefined;
  }
  const names = waiting.map(({ conditionType }) => conditionType);
  return {
    code: 'readiness-gate',
    summary: `The pod waits for the readiness gate ${names.join(', ')}`,
    evidence: waiting
      .map(({ conditionType }) => condition(pod, conditionType)?.message)
      .filter(Boolean)
      .join('\n'),
    action:
      'See the controller that sets this condition, such as a load balancer',
    sinceMs:
      timeMs(condition(pod, 'ContainersReady')?.lastTransitionTime) ?? nowMs,
  };
}
