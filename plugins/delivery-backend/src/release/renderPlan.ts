import { createHash } from 'node:crypto';
import { InputError, NotFoundError } from '@backstage/errors';
import {
  assertNoLiteralSecret,
  assertResolvedImages,
  Connection,
  isMapping,
  parseObject,
  Plan,
  PlanObject,
} from '@slipway/backstage-plugin-delivery-node';
import {
  EnvironmentModel,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { DeliveryStore, ReleaseRow } from '../store';
import { decodeBundle } from './bundle';
import { readCheckpoint } from './checkpoint';
import { requireDefinition } from './requirements';

const MAX_PLAN_BYTES = 10 * 1024 * 1024;

/**
 * sha256 over everything that a Plan says. Objects count by their bytes and in
 * their order; maps count by their content.
 */
export function planId(plan: Omit<Plan, 'id'>): string {
  const restorable = (plan.references ?? [])
    .filter(reference => reference.restorable)
    .map(({ kind, name, version = '' }) => [kind, name, version])
    .sort();
  const content = {
    version: 1,
    target: [plan.target.service, plan.target.environment],
    releaseId: plan.releaseId,
    objects: plan.objects.map(({ id, mediaType, bytes }) => [
      id,
      mediaType,
      createHash('sha256').update(bytes).digest('hex'),
    ]),
    images: Object.entries(plan.images).sort(([a], [b]) => (a < b ? -1 : 1)),
    replicas: plan.replicas,
    ignored: plan.ignored,
    // What is only observed is no part of what a Plan brings.
    ...(restorable.length > 0 ? { restorable } : {}),
    ...(plan.jobs ? { jobs: plan.jobs } : {}),
  };
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

/** Image name of the definition to what a machine pulls, by digest. */
function imagesOf(release: ReleaseRow): Record<string, string> {
  const { pushes } = readCheckpoint(release);
  return Object.fromEntries(
    requireDefinition(release).images.map(({ name }) => {
      const push = pushes?.[name];
      if (!push) {
        throw new Error(
          `Image "${name}" of release ${release.id} was not pushed; only a ready release can be deployed`,
        );
      }
      return [name, push.reference];
    }),
  );
}

function check(objects: PlanObject[], images: Record<string, string>): void {
  const seen = new Set<string>();
  let bytes = 0;
  for (const object of objects) {
    bytes += object.bytes.length;
    if (seen.has(object.id)) {
      throw new InputError(`The manifests define ${object.id} more than once`);
    }
    seen.add(object.id);
    const content = parseObject(object);
    if (content) {
      assertNoLiteralSecret(content, object.id);
      assertResolvedImages(content, images, object.id);
    }
  }
  if (bytes > MAX_PLAN_BYTES) {
    throw new InputError(
      `The rendered manifests have ${bytes} bytes; at most ${MAX_PLAN_BYTES} are taken`,
    );
  }
}

/** The Jobs that the hooks name; each must be there, and runnable at all. */
function jobsOf(
  { ref, hooks = [] }: EnvironmentModel,
  objects: PlanObject[],
  connection: Connection,
): string[] {
  if (hooks.length === 0) {
    return [];
  }
  if (!connection.jobs) {
    throw new InputError(
      `The environment "${ref}" (${
        connection.type
      }) runs no jobs, and environments[${ref}].hooks names ${hooks
        .map(({ job }) => `"${job}"`)
        .join(', ')}; take the hooks out for this environment`,
    );
  }
  const found = objects.flatMap(object => {
    const content = parseObject(object);
    const metadata = content?.kind === 'Job' ? content.metadata : undefined;
    return isMapping(metadata) ? [`${metadata.name}`] : [];
  });
  const jobs = [...new Set(hooks.map(({ job }) => job))];
  const missing = jobs.filter(job => !found.includes(job));
  if (missing.length > 0) {
    throw new InputError(
      `environments[${ref}].hooks names the job "${
        missing[0]
      }", which the manifests do not hold; they hold ${
        found.map(name => `"${name}"`).join(', ') || 'no Job'
      }`,
    );
  }
  return jobs;
}

/**
 * A ready release, rendered for one environment and stored. The same release
 * and connection give the same Plan.
 *
 * Errors: `InputError` when the release has no such environment or its
 * manifests are wrong (file and line in the message); `NotFoundError` when
 * its bundle is no longer kept.
 */
export async function renderPlan(options: {
  release: ReleaseRow;
  environment: string;
  connection: Connection;
  store: Pick<DeliveryStore, 'blobs' | 'plans'>;
  signal: AbortSignal;
}): Promise<Plan> {
  const { release, environment, connection, store, signal } = options;
  const definition = requireDefinition(release);
  const wanted = definition.environments.find(({ ref }) => ref === environment);
  if (!wanted) {
    throw new InputError(
      `Release ${
        release.version
      } has no environment "${environment}"; its definition names ${definition.environments
        .map(({ ref }) => ref)
        .join(', ')}`,
    );
  }
  const renderer = connection.renderers.find(
    ({ id }) => id === wanted.manifests.renderer,
  );
  if (!renderer) {
    throw new InputError(
      `The environment "${environment}" (${connection.type}) cannot render ${
        wanted.manifests.renderer
      } manifests; it knows ${connection.renderers
        .map(({ id }) => id)
        .join(', ')}`,
    );
  }
  const blob =
    release.bundleBlob && (await store.blobs.get(release.bundleBlob));
  if (!blob) {
    throw new NotFoundError(
      `The deploy bundle of release ${release.id} is no longer kept; release the commit again`,
    );
  }
  const target: TargetRef = { service: release.service, environment };
  const images = imagesOf(release);
  const objects = await renderer.render({
    target,
    releaseId: release.id,
    bundle: decodeBundle(blob),
    path: wanted.manifests.path,
    images,
    signal,
  });
  signal.throwIfAborted();
  check(objects, images);
  const jobs = jobsOf(wanted, objects, connection);
  for (const job of jobs) {
    await connection.jobs?.inspect(objects, images, target, job);
  }
  const { replicas, ignored, references } = await connection.workloads.inspect(
    objects,
    images,
    target,
    { jobs, beside: besideOf(wanted) },
  );
  const content = {
    target,
    releaseId: release.id,
    objects,
    images,
    replicas,
    ignored,
    ...(references && references.length > 0 ? { references } : {}),
    ...(jobs.length > 0 ? { jobs } : {}),
  };
  const plan: Plan = { id: planId(content), ...content };
  await store.plans.put(plan);
  return plan;
}

/** The steps that ask for requests beside the shares, each kind once. */
function besideOf({ strategy }: EnvironmentModel): Array<'route' | 'mirror'> {
  const steps = strategy.type === 'canary' ? strategy.steps : [];
  return (['route', 'mirror'] as const).filter(kind =>
    steps.some(({ type }) => type === kind),
  );
}
