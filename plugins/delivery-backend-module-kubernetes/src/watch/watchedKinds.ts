import { KubeObject } from '../client';
import { TARGET_LABEL } from '../names';
import {
  slimEvent,
  slimMetadata,
  slimNode,
  slimOwner,
  slimPod,
  slimShared,
} from './slim';

/** One kind that is watched on a cluster. */
export interface WatchedKind {
  apiVersion: string;
  kind: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Without it nothing is known of instances; all others only explain. */
  required?: boolean;
  /** Not of a namespace. */
  clusterScoped?: boolean;
  slim: (object: KubeObject) => KubeObject | undefined;
  maxObjects?: number;
}

/** Of one target or of all: every object that we wrote, and its pods, carry the label. */
const OURS = { labelSelector: TARGET_LABEL };

/** What goes well is not needed to explain what does not, and is most of all events. */
const QUIET_REASONS = ['Pulled', 'Pulling', 'Created', 'Started', 'Scheduled'];

const MAX_EVENTS = 20_000;

export const WATCHED_KINDS: WatchedKind[] = [
  { apiVersion: 'v1', kind: 'Pod', ...OURS, required: true, slim: slimPod },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    ...OURS,
    required: true,
    slim: slimOwner,
  },
  { apiVersion: 'apps/v1', kind: 'ReplicaSet', ...OURS, slim: slimOwner },
  {
    apiVersion: 'v1',
    kind: 'Event',
    fieldSelector: QUIET_REASONS.map(reason => `reason!=${reason}`).join(','),
    slim: slimEvent,
    maxObjects: MAX_EVENTS,
  },
  { apiVersion: 'v1', kind: 'Service', ...OURS, slim: slimShared },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    ...OURS,
    slim: slimMetadata,
  },
  {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    ...OURS,
    slim: slimMetadata,
  },
  {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    ...OURS,
    slim: slimMetadata,
  },
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    ...OURS,
    slim: slimShared,
  },
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GRPCRoute',
    ...OURS,
    slim: slimShared,
  },
  { apiVersion: 'v1', kind: 'Node', clusterScoped: true, slim: slimNode },
];
