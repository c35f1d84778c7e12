import { EndpointSlice, Pod, selects, Service, timeMs } from './objects';
import { NamedCause } from './types';

/** Service that has just been made may have no pods yet. */
const PATIENCE_MS = 5_000;

/** Why a Service leads nowhere. `pods`: all of its namespace that are known. */
export function causeOfService(
  service: Service,
  pods: readonly Pod[],
  slices: readonly EndpointSlice[] | undefined,
  nowMs: number,
): NamedCause | undefined {
  const { metadata, spec } = service;
  if (!spec?.selector || Object.keys(spec.selector).length === 0) {
    return undefined;
  }
  const createdMs = timeMs(metadata.creationTimestamp) ?? 0;
  const selected = pods.filter(
    pod =>
      !pod.metadata.deletionTimestamp &&
      selects(spec.selector, pod.metadata.labels),
  );
  if (selected.length === 0) {
    return nowMs - createdMs < PATIENCE_MS
      ? undefined
      : {
          code: 'service-selects-nothing',
          summary: `The Service ${metadata.name} selects no pod`,
          evidence: `selector ${labelsText(spec.selector)}; ${nearest(
            spec.selector,
            pods,
          )}`,
          action:
            "Make the Service's selector match the labels of the pod template",
          sinceMs: createdMs || nowMs,
        };
  }
  return (
    mismatch(service, selected, nowMs) ??
    notReady(service, slices, selected.length, nowMs)
  );
}

function labelsText(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}=${value}`)
    .join(',');
}

/** The label that keeps the pods out, which is usually a misspelt one. */
function nearest(
  selector: Record<string, string>,
  pods: readonly Pod[],
): string {
  const [best] = pods
    .map(({ metadata }) => ({
      name: metadata.name,
      wrong: Object.entries(selector).filter(
        ([label, value]) => metadata.labels?.[label] !== value,
      ),
      labels: metadata.labels,
    }))
    .sort((a, b) => a.wrong.length - b.wrong.length);
  return best
    ? `the pod ${best.name} has ${best.wrong
        .map(([label]) => `${label}=${best.labels?.[label] ?? '(none)'}`)
        .join(',')}`
    : 'there are no pods';
}

function mismatch(
  service: Service,
  pods: Pod[],
  nowMs: number,
): NamedCause | undefined {
  const { metadata, spec } = service;
  const declared = pods.flatMap(pod =>
    (pod.spec?.containers ?? []).flatMap(({ ports }) => ports ?? []),
  );
  const wrong = (spec?.ports ?? []).find(({ port, targetPort = port }) =>
    typeof targetPort === 'string'
      ? !declared.some(({ name }) => name === targetPort)
      : // A port need not be declared; one of another number is a slip.
        declared.length > 0 &&
        !declared.some(({ containerPort }) => containerPort === targetPort),
  );
  if (!wrong) {
    return undefined;
  }
  const target = wrong.targetPort ?? wrong.port;
  const there = declared
    .map(({ name, containerPort }) =>
      name ? `${name} (${containerPort})` : `${containerPort}`,
    )
    .join(', ');
  return {
    code: 'service-port-mismatch',
    summary: `The Service ${metadata.name} sends to port ${target}, which its pods do not have`,
    evidence: `port ${wrong.port} -> targetPort ${target}; the pods declare ${
      there || 'no port'
    }`,
    action: "Make the Service's targetPort one of the container's ports",
    sinceMs: timeMs(metadata.creationTimestamp) ?? nowMs,
  };
}

function notReady(
  { metadata }: Service,
  slices: readonly EndpointSlice[] | undefined,
  selected: number,
  nowMs: number,
): NamedCause | undefined {
  const mine = slices?.filter(
    slice =>
      slice.metadata.labels?.['kubernetes.io/service-name'] === metadata.name,
  );
  if (!mine || mine.length === 0) {
    return undefined;
  }
  const endpoints = mine.flatMap(slice => slice.endpoints ?? []);
  return endpoints.some(({ conditions }) => conditions?.ready !== false)
    ? undefined
    : {
        code: 'service-not-ready',
        summary: `The Service ${metadata.name} has no ready pod behind it`,
        evidence: `it selects ${selected} pod${
          selected === 1 ? '' : 's'
        }, and ${endpoints.length} endpoints are known, none of them ready`,
        action: 'See why its pods are not ready',
        sinceMs: nowMs,
      };
}
