import { InstanceNews } from '@slipway/backstage-plugin-delivery-node';
import {
  causeOfInstance,
  condition,
  ContainerStatus,
  KubeEvent,
  Pod,
  PodOwner,
  readKubeEvent,
  timeMs,
} from '../health';
import {
  GENERATION_LABEL,
  REPLICAS_ANNOTATION,
  SCALED_ANNOTATION,
} from '../names';
import { parseScale } from '../workloads';
import { WatchedChange } from './clusterWatch';

/** What happened, before it is known whose it is. */
export type UntoldNews = Omit<InstanceNews, 'target'>;

/** Of a container that keeps crashing not every restart is worth an entry. */
function isTelling(restarts: number): boolean {
  return restarts <= 3 || restarts % (restarts < 30 ? 5 : 50) === 0;
}

const DISRUPTIONS: Record<string, { type: string; why: string }> = {
  EvictionByEvictionAPI: {
    type: 'instance-evicted',
    why: 'was evicted, as its node is being drained or somebody asked for it',
  },
  DeletionByTaintManager: {
    type: 'instance-evicted',
    why: 'was taken off its node, which has a taint that it does not tolerate',
  },
  DeletionByPodGC: {
    type: 'instance-evicted',
    why: 'was given up, as its node is gone',
  },
  PreemptionByScheduler: {
    type: 'instance-evicted',
    why: 'had to make room for a pod of higher priority',
  },
  TerminationByKubelet: {
    type: 'instance-evicted',
    why: 'was ended by its node, which is short of something or shuts down',
  },
};

/**
 * What a change says that happened by itself. Pure; the same change, and the
 * same fact seen by another watch, has the same key.
 */
export function newsOf(change: WatchedChange): UntoldNews[] {
  switch (change.kind) {
    case 'Pod':
      return newsOfPod(change.before, change.after);
    case 'Deployment':
      return newsOfDeployment(change.before, change.after);
    case 'Event':
      return newsOfEvent(change.after);
    default:
      return [];
  }
}

function newsOfPod(before?: Pod, after?: Pod): UntoldNews[] {
  // What is there when the watch begins has not just happened.
  if (!before || !after || before.metadata.uid !== after.metadata.uid) {
    return [];
  }
  const generation = after.metadata.labels?.[GENERATION_LABEL];
  const news: UntoldNews[] = [];
  for (const status of after.status?.containerStatuses ?? []) {
    const was = before.status?.containerStatuses?.find(
      ({ name }) => name === status.name,
    );
    const restarts = status.restartCount ?? 0;
    if (was && restarts > (was.restartCount ?? 0) && isTelling(restarts)) {
      news.push(restart(after, status, restarts, generation));
    }
  }
  const disrupted = condition(after, 'DisruptionTarget');
  if (
    disrupted?.status === 'True' &&
    condition(before, 'DisruptionTarget')?.status !== 'True'
  ) {
    const { type, why } = DISRUPTIONS[disrupted.reason ?? ''] ?? {
      type: 'instance-evicted',
      why: `has to go (${disrupted.reason ?? 'no reason given'})`,
    };
    news.push({
      key: `disruption/${after.metadata.uid}`,
      atMs: timeMs(disrupted.lastTransitionTime) ?? Date.now(),
      type,
      level: 'warning',
      message: `${after.metadata.name} ${why}; another one takes its place`,
      ...(generation && { generation }),
      reason: {
        code: 'evicted',
        message: `The pod ${after.metadata.name} ${why}`,
        evidence: disrupted.message,
      },
    });
  }
  return news;
}

function restart(
  pod: Pod,
  status: ContainerStatus,
  restarts: number,
  generation: string | undefined,
): UntoldNews {
  const end = status.lastState?.terminated;
  const atMs = timeMs(end?.finishedAt) ?? Date.now();
  // As it was between its end and its new start: why it is not ready then.
  const cause = causeOfInstance(
    {
      ...pod,
      status: {
        ...pod.status,
        conditions: [],
        containerStatuses: [
          { ...status, ready: false, state: { terminated: end } },
        ],
      },
    },
    { nowMs: atMs },
  );
  return {
    key: `restart/${pod.metadata.uid}/${status.name}/${restarts}`,
    atMs,
    type: 'instance-restarted',
    level: 'warning',
    message: `${pod.metadata.name} was restarted: ${
      cause?.summary ?? `its container ${status.name} ended`
    }`,
    ...(generation && { generation }),
    ...(cause && {
      reason: {
        code: cause.code,
        message: cause.summary,
        evidence: cause.evidence,
        action: cause.action,
      },
    }),
  };
}

/** Another number of instances than the last one that we gave. */
function newsOfDeployment(before?: PodOwner, after?: PodOwner): UntoldNews[] {
  const replicas = after?.spec?.replicas;
  const was = before?.spec?.replicas;
  if (!before || !after || replicas === was || replicas === undefined) {
    return [];
  }
  const { metadata } = after;
  const given = parseScale(metadata.annotations?.[REPLICAS_ANNOTATION])?.given;
  const scaler = metadata.annotations?.[SCALED_ANNOTATION];
  const generation = metadata.labels?.[GENERATION_LABEL];
  // An autoscaler tells its reason in an event of its own.
  if (given === undefined || given === replicas || scaler) {
    return [];
  }
  return [
    {
      key: `scaled/${metadata.uid}/${metadata.generation}`,
      atMs: Date.now(),
      type: 'scaled',
      level: 'warning',
      message: `${metadata.name} was scaled from ${was} to ${replicas} by somebody else than Slipway`,
      ...(generation && { generation }),
    },
  ];
}

function newsOfEvent(event?: KubeEvent): UntoldNews[] {
  const note = event && readKubeEvent(event);
  if (!note || note.reason !== 'SuccessfulRescale') {
    return [];
  }
  return [
    {
      key: `event/${event.metadata.uid}/${note.count}`,
      atMs: note.lastAtMs,
      type: 'scaled',
      level: 'info',
      message: `The autoscaler ${note.subject.name}: ${note.message}`,
    },
  ];
}
