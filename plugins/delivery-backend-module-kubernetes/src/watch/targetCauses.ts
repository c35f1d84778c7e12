import {
  Drift,
  InstanceState,
  TargetCause,
} from '@slipway/backstage-plugin-delivery-common';
import { explain, Finding, HealthCode, HealthContext, Pod } from '../health';
import { GENERATION_LABEL, ROLE_LABEL } from '../names';
import {
  copyDrift,
  editsOf,
  rewrittenImages,
  withoutCopies,
} from '../workloads';
import { KindStatus } from './clusterWatch';
import { TargetObjects } from './targetObjects';

/*
 * What is wrong with a target and is no single pod's: Services, routes,
 * autoscalers, budgets, and pods that are not even made. Pods tell their own
 * causes with their state.
 */

/**
 * Between two writes such states are ordinary: they are a cause once they
 * have lasted.
 */
const PATIENCE_MS: Partial<Record<HealthCode, number>> = {
  'service-not-ready': 5_000,
  'service-selects-nothing': 5_000,
  'route-not-accepted': 3_000,
  'route-backend-unresolved': 3_000,
  'not-watched': 10_000,
};
/** Younger Services and routes may get a cause by time alone. */
const YOUNG_MS = 15_000;

/** Remembers since when each cause is seen, as not every one says so itself. */
export interface CauseMemory {
  /** `again`: there may be another answer later without any change. */
  settle(
    label: string,
    causes: TargetCause[],
    nowMs: number,
  ): { causes: TargetCause[]; again: boolean };
}

export function createCauseMemory(): CauseMemory {
  const seen = new Map<string, Map<string, number>>();
  return {
    settle(label, causes, nowMs) {
      const before = seen.get(label);
      const now = new Map<string, number>();
      let again = false;
      const settled = causes.flatMap(cause => {
        const key = `${cause.code} ${cause.about}`;
        const firstMs = before?.get(key) ?? nowMs;
        now.set(key, firstMs);
        const patienceMs = PATIENCE_MS[cause.code as HealthCode] ?? 0;
        if (nowMs - firstMs < patienceMs) {
          again = true;
          return [];
        }
        return [{ ...cause, sinceMs: Math.min(cause.sinceMs, firstMs) }];
      });
      if (now.size > 0) {
        seen.set(label, now);
      } else {
        seen.delete(label);
      }
      return { causes: settled, again };
    },
  };
}

/** Whether something here is so young that time alone may make it a cause. */
export function isYoung(
  { services, routes }: Pick<TargetObjects, 'services' | 'routes'>,
  nowMs: number,
): boolean {
  return [...services, ...routes].some(
    ({ metadata }) =>
      nowMs - Date.parse(metadata.creationTimestamp ?? '') < YOUNG_MS,
  );
}

/** The causes of a target, what breaks most first. Pure. */
export function targetCauses(
  objects: TargetObjects,
  options: {
    /** Of Deployments that were there before us: they carry no label of ours. */
    adoptedPods: Pod[];
    instances: InstanceState[];
    context: HealthContext;
    /** The watches that its objects come from. */
    watches: KindStatus[];
    namespace: string;
  },
): TargetCause[] {
  const { adoptedPods, instances, context, watches, namespace } = options;
  const findings = explain(
    {
      ...objects,
      pods: [...objects.pods, ...adoptedPods],
      services: objects.services.filter(service => isUsed(service, objects)),
    },
    context,
  );
  return [
    ...findings
      .filter(finding => finding.about.kind !== 'Pod')
      // What most pods suffer from is said by each of them.
      .filter(
        ({ code, summary }) =>
          !instances.some(
            ({ cause }) => cause?.code === code && cause.summary === summary,
          ),
      )
      .map(finding => toCause(finding, objects)),
    ...drifted(objects, context.nowMs),
    ...notWatched(watches, namespace, context.nowMs),
  ];
}

/**
 * The Services of a generation are copies: what is wrong with one is wrong
 * with the Service itself, and those of a generation that is on its way out
 * lead nowhere on purpose. Where nothing is to run, none leads anywhere.
 */
function isUsed(
  { metadata, spec }: TargetObjects['services'][number],
  { deployments }: TargetObjects,
): boolean {
  const only = spec?.selector?.[GENERATION_LABEL];
  return (
    metadata.labels?.[ROLE_LABEL] !== 'generation-service' &&
    deployments.some(
      ({ metadata: of, spec: wanted }) =>
        (wanted?.replicas ?? 1) > 0 &&
        (only === undefined || of.labels?.[GENERATION_LABEL] === only),
    )
  );
}

function toCause(
  { about, code, summary, evidence, action, sinceMs, level }: Finding,
  { deployments }: TargetObjects,
): TargetCause {
  const generation =
    about.kind === 'Deployment'
      ? deployments.find(({ metadata }) => metadata.name === about.name)
          ?.metadata.labels?.[GENERATION_LABEL]
      : undefined;
  return {
    code,
    summary,
    ...(evidence && { evidence }),
    ...(action && { action }),
    sinceMs,
    level,
    about: `${about.kind}/${about.name}`,
    ...(generation && { generation }),
  };
}

const DRIFT_CODES: Record<Drift['kind'], HealthCode> = {
  edited: 'changed-by-others',
  admission: 'changed-by-admission',
  copy: 'another-copy',
};

/** What others have changed, told as soon as it is seen. */
function drifted(
  { deployments }: Pick<TargetObjects, 'deployments'>,
  nowMs: number,
): TargetCause[] {
  const found = deployments
    .filter(({ metadata }) => metadata.labels?.[ROLE_LABEL] === 'workload')
    .map(object => ({ object }));
  const { ours, copies } = withoutCopies(found);
  return [
    ...ours.flatMap(({ object }) => [
      ...editsOf(object),
      ...rewrittenImages(object),
    ]),
    ...copies.map(({ object }) => copyDrift(object)),
  ].map(({ kind, about, message, by, atMs }) => ({
    code: DRIFT_CODES[kind],
    summary: message,
    ...(by && { by }),
    ...(kind === 'edited' && {
      action:
        'Take over to write again what was deployed, or put the change into the manifests',
    }),
    sinceMs: atMs ?? nowMs,
    level: 'warning' as const,
    about,
  }));
}

/** What is not seen is not known to be well. */
function notWatched(
  watches: KindStatus[],
  namespace: string,
  nowMs: number,
): TargetCause[] {
  const lost = watches.flatMap(({ kind, namespace: of, status }) =>
    status.state === 'lost' && (of === undefined || of === namespace)
      ? [{ kind, ...status }]
      : [],
  );
  if (lost.length === 0) {
    return [];
  }
  const code: HealthCode = 'not-watched';
  const kinds = [...new Set(lost.map(({ kind }) => kind))];
  return [
    {
      code,
      summary: `Whether anything is wrong with a ${kinds.join(
        ' or ',
      )} here is not known: they are not seen`,
      evidence: [...new Set(lost.map(({ reason }) => reason))].join('\n'),
      action:
        'Check what is missing, on the Settings tab: mostly a permission in the cluster',
      sinceMs: Math.min(nowMs, ...lost.map(({ sinceMs }) => sinceMs)),
      level: 'warning',
    },
  ];
}
