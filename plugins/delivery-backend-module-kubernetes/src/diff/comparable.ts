import { KubeObject } from '../client';
import { GENERATION_LABEL, LABEL_PREFIX } from '../names';
import { mapping } from '../plan';

/** What the cluster or other tools write into every object. */
const NOISE = [
  'deployment.kubernetes.io/revision',
  'kubectl.kubernetes.io/last-applied-configuration',
  'kubectl.kubernetes.io/restartedAt',
];

function without(
  map: unknown,
  isLeftOut: (key: string) => boolean,
): Record<string, unknown> | undefined {
  const kept = Object.entries(mapping(map)).filter(([key]) => !isLeftOut(key));
  return kept.length > 0 ? Object.fromEntries(kept) : undefined;
}

const isOurs = (key: string) => key.startsWith(`${LABEL_PREFIX}/`);

function comparableMetadata(metadata: unknown) {
  const { labels, annotations } = mapping(metadata);
  return {
    labels: without(labels, isOurs),
    annotations: without(
      annotations,
      key => isOurs(key) || NOISE.includes(key),
    ),
  };
}

/** Only what people wrote, or would have to know of: no bookkeeping, no marks of ours. */
export function comparable(object: KubeObject): Record<string, unknown> {
  const {
    status: _status,
    apiVersion: _apiVersion,
    kind: _kind,
    metadata,
    ...rest
  } = object;
  return { metadata: comparableMetadata(metadata), ...rest };
}

/** A generation's Deployment as the Plan has it: no label of a generation anywhere. */
export function comparableWorkload(
  object: KubeObject,
  configNames: Map<string, string>,
): Record<string, unknown> {
  const { spec, ...rest } = comparable(object);
  const { selector, template, ...own } = mapping(spec);
  const { metadata, spec: podSpec } = mapping(template);
  const renamed: unknown = JSON.parse(
    JSON.stringify(podSpec ?? {}),
    (_, value) =>
      typeof value === 'string' ? configNames.get(value) ?? value : value,
  );
  return {
    ...rest,
    spec: {
      ...own,
      paused: undefined,
      selector: {
        ...mapping(selector),
        matchLabels: without(
          mapping(selector).matchLabels,
          key => key === GENERATION_LABEL,
        ),
      },
      template: { metadata: comparableMetadata(metadata), spec: renamed },
    },
  };
}
