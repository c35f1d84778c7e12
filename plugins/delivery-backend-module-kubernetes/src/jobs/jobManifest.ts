import { createHash } from 'node:crypto';
import { InputError } from '@backstage/errors';
import { Plan } from '@slipway/backstage-plugin-delivery-node';
import { KubeObject } from '../client';
import {
  PLAN_ANNOTATION,
  RELEASE_ANNOTATION,
  ROLE_LABEL,
  RUN_ANNOTATION,
} from '../names';
import { mapping, readPlan } from '../plan';

/** What {@link ROLE_LABEL} says of a run. */
export const JOB_ROLE = 'job';
/** What the manifests call the Job of a run. */
export const JOB_ANNOTATION = 'slipway.dev/job';

const MAX_NAME = 63;

/** The same key is the same object, so it cannot be made twice. */
export function runName(job: string, key: string): string {
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 10);
  return `${job
    .slice(0, MAX_NAME - hash.length - 1)
    .replace(/-+$/, '')}-${hash}`;
}

/**
 * The Job of a Plan, by its name.
 *
 * Errors: `InputError` when the Plan holds none of this name.
 */
export function jobOf(plan: Pick<Plan, 'objects'>, name: string): KubeObject {
  // Which of them run as hooks was asked before the Plan was made.
  const names = plan.objects.flatMap(
    ({ id }) => /^batch\/[^/]+\/Job\/(.+)$/.exec(id)?.[1] ?? [],
  );
  const { jobs } = readPlan({ objects: plan.objects, jobs: names });
  const found = jobs.find(({ metadata }) => metadata.name === name);
  if (!found) {
    throw new InputError(
      `The manifests hold no Job "${name}"; hooks name Jobs of the manifests (they hold ${
        jobs.map(({ metadata }) => metadata.name).join(', ') || 'none'
      })`,
    );
  }
  return found;
}

/**
 * One run of a Job: under a name of its own, and tried no more often than the
 * manifests say (once, when they say nothing). It is kept after its end, as
 * what is gone could be run a second time.
 */
export function runManifest(options: {
  plan: Plan;
  job: string;
  key: string;
  namespace: string;
}): KubeObject {
  const { plan, job, key, namespace } = options;
  const { spec, metadata, ...rest } = jobOf(plan, job);
  const { ttlSecondsAfterFinished: _, ...kept } = mapping(spec);
  return {
    ...rest,
    metadata: {
      ...metadata,
      name: runName(job, key),
      namespace,
      labels: { ...metadata.labels, [ROLE_LABEL]: JOB_ROLE },
      annotations: {
        ...metadata.annotations,
        [RUN_ANNOTATION]: key,
        [JOB_ANNOTATION]: job,
        [PLAN_ANNOTATION]: plan.id,
        [RELEASE_ANNOTATION]: plan.releaseId,
      },
    },
    spec: { backoffLimit: 0, ...kept },
  };
}
