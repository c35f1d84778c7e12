import { KubeObject } from '../client';
import { othersEntries } from '../apply';
import {
  FIELD_MANAGER,
  IMAGES_ANNOTATION,
  TRAFFIC_FIELD_MANAGER,
} from '../names';

const MAX_ANNOTATION = 1_024;
const MAX_TEXT = 2_048;
const OURS = 'slipway.dev/';

type Fields = Record<string, unknown>;

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? { ...value }
    : {};
}

function pick(value: unknown, names: readonly string[]): Fields | undefined {
  const from = fields(value);
  const picked = names.filter(name => from[name] !== undefined);
  return picked.length > 0
    ? Object.fromEntries(picked.map(name => [name, from[name]]))
    : undefined;
}

function each(value: unknown, names: readonly string[]): unknown {
  return Array.isArray(value)
    ? value.map(item => pick(item, names) ?? {})
    : undefined;
}

function short(text: unknown): string | undefined {
  return typeof text === 'string' ? text.slice(0, MAX_TEXT) : undefined;
}

/** Without who owns which field, and without annotations that are not ours. */
export function slimMetadata(object: KubeObject): KubeObject {
  const { managedFields, annotations, ...metadata } = object.metadata;
  const kept = Object.entries(annotations ?? {}).filter(
    ([name, value]) =>
      (name.startsWith(OURS) || name.startsWith('deployment.kubernetes.io/')) &&
      value.length <= MAX_ANNOTATION,
  );
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(kept.length > 0 && { annotations: Object.fromEntries(kept) }),
    },
  };
}

/**
 * As `slimMetadata`, with who else has written it, which is told to people, and
 * with all that we wrote on it, whatever its length: shares, routes and
 * selectors are read from there.
 */
export function slimShared(object: KubeObject): KubeObject {
  const { annotations = {}, managedFields = [] } = object.metadata;
  const others = managedFields.filter(
    ({ manager, subresource }) =>
      !subresource &&
      manager !== FIELD_MANAGER &&
      manager !== TRAFFIC_FIELD_MANAGER,
  );
  const ours = Object.entries(annotations).filter(([name]) =>
    name.startsWith(OURS),
  );
  const { metadata, ...slim } = slimMetadata(object);
  return {
    ...slim,
    metadata: {
      ...metadata,
      ...(ours.length > 0 && {
        annotations: { ...metadata.annotations, ...Object.fromEntries(ours) },
      }),
      ...(others.length > 0 && { managedFields: others }),
    },
  };
}

const CONTAINER = [
  'name',
  'image',
  'ports',
  'resources',
  'readinessProbe',
  'livenessProbe',
  'startupProbe',
  'restartPolicy',
];

const POD_SPEC = [
  'nodeName',
  'nodeSelector',
  'serviceAccountName',
  'tolerations',
  'readinessGates',
];

/** A pod with what its state and its causes are read from; about 2 KB. */
export function slimPod(object: KubeObject): KubeObject {
  const spec = fields(object.spec);
  return {
    ...slimMetadata(object),
    spec: {
      ...pick(spec, POD_SPEC),
      containers: each(spec.containers, CONTAINER),
      initContainers: each(spec.initContainers, CONTAINER),
    },
    status: {
      ...pick(object.status, [
        'phase',
        'reason',
        'message',
        'startTime',
        'podIP',
        'conditions',
        'containerStatuses',
        'initContainerStatuses',
      ]),
    },
  };
}

/**
 * A Deployment or ReplicaSet: of its template only the labels, ports and
 * images; of who owns which field what tells that others have written it.
 */
export function slimOwner(object: KubeObject): KubeObject {
  const spec = fields(object.spec);
  const template = fields(spec.template);
  const slim = slimMetadata(object);
  const others = othersEntries(object.metadata.managedFields);
  const images = fields(fields(template.metadata).annotations)[
    IMAGES_ANNOTATION
  ];
  return {
    ...slim,
    metadata: {
      ...slim.metadata,
      ...(others.length > 0 && { managedFields: others }),
    },
    spec: {
      ...pick(spec, ['replicas', 'paused', 'selector']),
      template: {
        metadata: {
          ...pick(template.metadata, ['labels']),
          ...(images !== undefined && {
            annotations: { [IMAGES_ANNOTATION]: images },
          }),
        },
        spec: {
          containers: each(fields(template.spec).containers, [
            'name',
            'image',
            'ports',
          ]),
        },
      },
    },
    status: object.status,
  };
}

/** A node with its taints and conditions: without the list of its images. */
export function slimNode(object: KubeObject): KubeObject {
  return {
    ...slimMetadata(object),
    spec: pick(object.spec, ['unschedulable', 'taints']),
    status: pick(object.status, ['allocatable', 'conditions']),
  };
}

const SUBJECTS = new Set([
  'Pod',
  'ReplicaSet',
  'Deployment',
  'HorizontalPodAutoscaler',
  'PodDisruptionBudget',
  'Service',
  'HTTPRoute',
  'GRPCRoute',
]);

/** An event about a kind that a target may have, with the beginning of its message. */
export function slimEvent(object: KubeObject): KubeObject | undefined {
  const subject = fields(object.involvedObject ?? object.regarding);
  if (typeof subject.kind !== 'string' || !SUBJECTS.has(subject.kind)) {
    return undefined;
  }
  const { name, namespace, uid, resourceVersion, creationTimestamp } =
    object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    involvedObject: pick(subject, [
      'kind',
      'namespace',
      'name',
      'uid',
      'fieldPath',
    ]),
    message: short(object.message ?? object.note),
    ...pick(object, [
      'reason',
      'type',
      'count',
      'firstTimestamp',
      'lastTimestamp',
      'eventTime',
      'series',
      'reportingComponent',
    ]),
  };
}
