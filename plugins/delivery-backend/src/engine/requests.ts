import { ConflictError, InputError, NotFoundError } from '@backstage/errors';
import {
  Deployment,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { AUTOMATION_ACTOR, holdForRollback, isAutomation } from '../governance';
import { ReleaseRow, StoreTx } from '../store';
import { EngineContext } from './context';
import { deploymentIdOf, newDeployment } from './newDeployment';
import { DeploymentRequest } from './types';

type RequestContext = Pick<
  EngineContext,
  'store' | 'environments' | 'clock' | 'tuning' | 'logger'
>;

function environmentOf(context: RequestContext, name: string) {
  const environment = context.environments.get(name);
  if (!environment) {
    throw new NotFoundError(
      `No environment "${name}": expected one of ${
        [...context.environments.keys()].join(', ') || '(none configured)'
      }`,
    );
  }
  return environment;
}

function assertUsable(
  release: ReleaseRow | undefined,
  request: DeploymentRequest,
): asserts release is ReleaseRow {
  if (!release) {
    throw new NotFoundError(`No release "${request.releaseId}"`);
  }
  if (release.service !== request.service) {
    throw new InputError(
      `Release ${release.version} belongs to ${release.service}, not to ${request.service}`,
    );
  }
  if (release.status !== 'ready') {
    throw new ConflictError(
      `Release ${release.version} is ${release.status}${
        release.reason ? ` (${release.reason.message})` : ''
      }: only a release that is ready can be deployed`,
    );
  }
  if (
    request.kind === 'deploy' &&
    !release.definition?.environments.some(
      ({ ref }) => ref === request.environment,
    )
  ) {
    throw new InputError(
      `The delivery definition of ${release.version} names no environment "${request.environment}"; add it and release again`,
    );
  }
}

/** The Plan that this release ran here with: a rollback applies it whole. */
async function earlierPlan(
  context: RequestContext,
  target: TargetRef,
  releaseId: string,
): Promise<string> {
  const { store } = context;
  const row = await store.targets.get(target);
  const promoted = row?.record.promoted.find(
    entry => entry.releaseId === releaseId,
  );
  const planId =
    promoted?.planId ??
    (
      await store.deployments.list({
        service: target.service,
        environment: target.environment,
        releaseId,
        limit: 50,
      })
    ).items.find(({ status, planId: id }) => status === 'succeeded' && id)
      ?.planId;
  if (!planId) {
    throw new ConflictError(
      `This release never succeeded in ${target.environment}, so there is nothing to roll back to; deploy it instead`,
    );
  }
  if (!(await store.plans.get(planId))) {
    throw new ConflictError(
      `The plan of this release in ${target.environment} is not kept any more; deploy it instead`,
    );
  }
  return planId;
}

/** See {@link Engine.requestDeployment}. */
export async function requestDeployment(
  context: RequestContext,
  request: DeploymentRequest,
): Promise<Deployment> {
  const { store, clock, tuning } = context;
  const { service, kind, actor, cause, idempotencyKey } = request;
  const environment = environmentOf(context, request.environment);
  const target: TargetRef = { service, environment: environment.name };
  const id = deploymentIdOf(target, idempotencyKey);

  const existing = await store.deployments.get(id);
  if (existing) {
    return existing;
  }
  const release = await store.releases.get(request.releaseId);
  assertUsable(release, request);
  const row = await store.targets.get(target);
  if (!row) {
    await store.targets.ensureMany([{ target, tier: environment.tier }]);
  }
  if (kind === 'restart' && row?.record.stable?.releaseId !== release.id) {
    throw new ConflictError(
      `${release.version} is not what runs in ${environment.name}: a restart restarts what runs`,
    );
  }
  const planId =
    kind === 'rollback'
      ? await earlierPlan(context, target, release.id)
      : (kind === 'restart' && row?.record.stable?.planId) || undefined;

  return await store.transaction(async tx => {
    // A second request with the key may have come first.
    const twin = await store.deployments.get(id, tx);
    if (twin) {
      return twin;
    }
    const open = await store.deployments.open(target, tx);
    if (environment.queue === 'reject' && open.length > 0) {
      throw new ConflictError(
        `${environment.title} takes one deployment at a time and ${open[0].releaseVersion} is ${open[0].status}; wait for its end or abort it`,
      );
    }
    const deployment = newDeployment({
      target,
      release,
      kind,
      actor,
      cause,
      id,
      idempotencyKey,
      planId,
      previousReleaseId: row?.record.stable?.releaseId,
      nowMs: clock.now(),
      startDeadlineMs: tuning.startDeadlineMs,
    });
    if (kind === 'rollback' && !isAutomation(actor)) {
      // At once, so that no automatic deployment slips in between.
      await store.targets.setHold(
        target,
        holdForRollback({ deployment, cause, nowMs: clock.now() }),
        tx,
      );
    }
    return await store.deployments.create(deployment, tx);
  });
}

/**
 * Whether a newer release is here or on its way: releases may become ready in
 * another order than they were asked for, and automation never goes back.
 */
async function isOvertaken(
  context: RequestContext,
  target: TargetRef,
  release: ReleaseRow,
  tx: StoreTx,
): Promise<boolean> {
  const { store } = context;
  const row = await store.targets.get(target, tx);
  const open = await store.deployments.open(target, tx);
  const others = new Set([
    ...open.filter(({ kind }) => kind === 'deploy').map(d => d.releaseId),
    ...(row?.record.stable ? [row.record.stable.releaseId] : []),
  ]);
  others.delete(release.id);
  for (const id of others) {
    const other = await store.releases.get(id, tx);
    if (other && other.createdAtMs > release.createdAtMs) {
      return true;
    }
  }
  return false;
}

/** See {@link Engine.planAutomaticDeployments}. */
export async function planAutomaticDeployments(
  context: RequestContext,
  release: ReleaseRow,
  tx: StoreTx,
): Promise<Deployment[]> {
  const { store, clock, tuning, environments, logger } = context;
  const made: Deployment[] = [];
  const defined = release.definition?.environments ?? [];
  // Whoever locks several targets does it in the order of their ids.
  const models = [...defined].sort((one, other) =>
    one.ref < other.ref ? -1 : 1,
  );
  for (const model of models) {
    const environment = environments.get(model.ref);
    if (model.deploy !== 'automatic' || !environment?.automation) {
      continue;
    }
    const target: TargetRef = {
      service: release.service,
      environment: environment.name,
    };
    if (await isOvertaken(context, target, release, tx)) {
      logger.info(
        `${release.service} ${release.version} is not deployed to ${environment.name}: a newer release is there or on its way`,
      );
      continue;
    }
    const row = await store.targets.get(target, tx);
    if (!row) {
      await store.targets.ensureMany([{ target, tier: environment.tier }], tx);
    }
    made.push(
      await store.deployments.create(
        newDeployment({
          target,
          release,
          kind: 'deploy',
          actor: AUTOMATION_ACTOR,
          cause: `${release.version} is ready (deploy: automatic)`,
          idempotencyKey: `automatic:${release.id}`,
          previousReleaseId: row?.record.stable?.releaseId,
          nowMs: clock.now(),
          startDeadlineMs: tuning.startDeadlineMs,
        }),
        tx,
      ),
    );
  }
  const place = (deployment: Deployment) =>
    defined.findIndex(({ ref }) => ref === deployment.environment);
  return made.sort((one, other) => place(one) - place(other));
}
