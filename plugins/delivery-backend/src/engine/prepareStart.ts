import { ConflictError, InputError } from '@backstage/errors';
import {
  Deployment,
  Reason,
  StrategyModel,
} from '@slipway/backstage-plugin-delivery-common';
import { Connection, Plan } from '@slipway/backstage-plugin-delivery-node';
import { RolloutRequest } from '../rollout';
import { TargetRow } from '../store';
import { EngineContext } from './context';
import { candidateRole } from './generationName';
import { withTimeLimit } from './timeLimit';

/** A restart replaces instances without ever having fewer that serve. */
const RESTART_STRATEGY: StrategyModel = {
  type: 'rolling',
  maxSurge: { count: 1 },
  maxUnavailable: { count: 0 },
};

const DEFAULT_PROGRESS_DEADLINE_MS = 600_000;

export type PreparedStart =
  | { ok: true; request: RolloutRequest }
  /** `content`: only another release helps; `technical`: try again. */
  | { ok: false; fault: 'content' | 'technical'; reason: Reason };

const isContentError = (error: unknown): boolean =>
  error instanceof Error &&
  ['InputError', 'NotFoundError', 'ConflictError'].includes(error.name);

async function planOf(
  context: EngineContext,
  deployment: Deployment,
  connection: Connection,
  signal: AbortSignal,
): Promise<Plan> {
  if (deployment.kind !== 'deploy') {
    if (!deployment.planId) {
      throw new InputError(
        `Deployment ${deployment.id} is a ${deployment.kind} and names no plan`,
      );
    }
    return await context.plans.get(deployment.planId);
  }
  const release = await context.releases.get(deployment.releaseId);
  if (release?.status !== 'ready') {
    throw new ConflictError(
      `Release ${deployment.releaseVersion} is ${
        release?.status ?? 'gone'
      }: only a release that is ready can be deployed`,
    );
  }
  const plan = await withTimeLimit(
    'Rendering the plan',
    context.tuning.renderLimitMs,
    signal,
    limited =>
      context.rooms.renderPlan({
        release,
        environment: deployment.environment,
        connection,
        store: context.store,
        signal: limited,
      }),
  );
  context.plans.put(plan);
  return plan;
}

/**
 * A rolling service is led by the environment's own controller where it has
 * one, its restarts and rollbacks as well.
 *
 * Errors: `InputError` when the controller cannot do what the strategy says.
 */
function leadElsewhere(
  { delegated }: Connection,
  strategy: StrategyModel | undefined,
  { environment }: Deployment,
): RolloutRequest['delegated'] {
  if (!delegated || strategy?.type !== 'rolling') {
    return undefined;
  }
  const lowered = delegated.lower(strategy);
  if ('cannot' in lowered) {
    throw new InputError(
      `${
        delegated.leader
      } leads rolling deployments in ${environment} and cannot do this one: ${lowered.cannot.join(
        '; ',
      )}`,
    );
  }
  return { leader: delegated.leader, program: lowered.program };
}

/** Makes what a rollout starts from; never throws but for a lost lease. */
export async function prepareStart(options: {
  context: EngineContext;
  row: TargetRow;
  deployment: Deployment;
  connection: Connection;
  signal: AbortSignal;
}): Promise<PreparedStart> {
  const { context, row, deployment, connection, signal } = options;
  try {
    const plan = await planOf(context, deployment, connection, signal);
    const release = await context.releases.get(deployment.releaseId);
    const model = release?.definition?.environments.find(
      ({ ref }) => ref === deployment.environment,
    );
    if (!model && deployment.kind === 'deploy') {
      throw new InputError(
        `The delivery definition of ${deployment.releaseVersion} names no environment "${deployment.environment}"`,
      );
    }
    const strategy =
      deployment.kind === 'restart' ? undefined : model?.strategy;
    const delegated = leadElsewhere(connection, model?.strategy, deployment);
    return {
      ok: true,
      request: {
        deploymentId: deployment.id,
        attempt: 1,
        kind: deployment.kind,
        candidate: candidateRole({ plan, record: row.record, deployment }),
        strategy: strategy ?? RESTART_STRATEGY,
        ...(delegated && { delegated }),
        ...(model?.hooks && deployment.kind !== 'restart'
          ? { hooks: model.hooks }
          : {}),
        progressDeadlineMs:
          model?.progressDeadlineMs ?? DEFAULT_PROGRESS_DEADLINE_MS,
      },
    };
  } catch (error) {
    signal.throwIfAborted();
    const message = error instanceof Error ? error.message : `${error}`;
    return isContentError(error)
      ? {
          ok: false,
          fault: 'content',
          reason: {
            code: 'plan-invalid',
            message,
            action: 'Correct the manifests and release again',
          },
        }
      : {
          ok: false,
          fault: 'technical',
          reason: {
            code: 'plan-unavailable',
            message: `The plan cannot be made now: ${message}`,
            action: 'It is tried again; cancel the deployment to give up',
          },
        };
  }
}
