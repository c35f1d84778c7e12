import {
  Digest,
  InstancePhase,
  InstanceState,
} from '@slipway/backstage-plugin-delivery-common';
import { GENERATION_LABEL, IMAGES_ANNOTATION } from '../names';
import { causeOfInstance } from './instance';
import { condition, Pod, timeMs } from './objects';
import { HealthContext } from './types';

/** A pod as the engine and people see it, with why it is not ready. Pure. */
export function readInstance(pod: Pod, context: HealthContext): InstanceState {
  const { metadata, status } = pod;
  const startedAtMs = timeMs(status?.startTime ?? metadata.creationTimestamp);
  const digests = runningDigests(pod);
  const cause = causeOfInstance(pod, context);
  return {
    id: metadata.name,
    generation: metadata.labels?.[GENERATION_LABEL] ?? '',
    phase: phaseOf(pod),
    ready:
      !metadata.deletionTimestamp && condition(pod, 'Ready')?.status === 'True',
    restarts: (status?.containerStatuses ?? []).reduce(
      (sum, container) => sum + (container.restartCount ?? 0),
      0,
    ),
    ...(startedAtMs !== undefined && { startedAtMs }),
    ...(digests && { digests }),
    ...(status?.podIP && { address: addressOf(pod, status.podIP) }),
    ...(cause && { cause }),
  };
}

function phaseOf(pod: Pod): InstancePhase {
  const { status } = pod;
  if (pod.metadata.deletionTimestamp) {
    return 'stopping';
  }
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') {
    return 'stopped';
  }
  if (status?.phase === 'Unknown' || status?.reason === 'NodeLost') {
    return 'unknown';
  }
  const containers = [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
  ];
  const waits = containers.map(({ state }) => state?.waiting?.reason ?? '');
  if (waits.includes('CrashLoopBackOff')) {
    return 'backing-off';
  }
  if (waits.some(reason => /image|pull/i.test(reason))) {
    return 'pulling';
  }
  return status?.containerStatuses?.length &&
    status.containerStatuses.every(({ state }) => state?.running)
    ? 'running'
    : 'starting';
}

/** `10.244.1.7:8080`: the first port that the pod declares. */
function addressOf(pod: Pod, ip: string): string {
  const port = pod.spec?.containers
    ?.flatMap(({ ports }) => ports ?? [])
    .at(0)?.containerPort;
  const host = ip.includes(':') ? `[${ip}]` : ip;
  return port === undefined ? ip : `${host}:${port}`;
}

/** What the runtime says it runs, by image name of the definition. */
function runningDigests(pod: Pod): Record<string, Digest> | undefined {
  const images = imageNames(pod.metadata.annotations?.[IMAGES_ANNOTATION]);
  const found: Record<string, Digest> = {};
  for (const { name, imageID } of pod.status?.containerStatuses ?? []) {
    const image = images.get(name);
    const digest = imageID?.match(/sha256:[0-9a-f]{64}$/)?.[0];
    if (image && digest) {
      found[image] = digest;
    }
  }
  return Object.keys(found).length > 0 ? found : undefined;
}

/** Container name to image name, from JSON that the workloads room wrote. */
function imageNames(text: string | undefined): Map<string, string> {
  const names = new Map<string, string>();
  if (!text) {
    return names;
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) {
      // Somebody has edited the annotation: the digests are not known then.
      return names;
    }
    throw error;
  }
  for (const [container, value] of Object.entries(
    typeof content === 'object' && content !== null ? content : {},
  )) {
    const [name]: unknown[] = Array.isArray(value) ? value : [value];
    if (typeof name === 'string') {
      names.set(container, name);
    }
  }
  return names;
}
