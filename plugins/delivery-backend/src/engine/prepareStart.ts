import { ConflictError, InputError } from '@backstage/errors';
import {
  Deployment,
  Reason,
  StrategyModel,
} from '@slipway/backstage-plugin-delivery-common';
import {
  Connection,
  Plan,
  PlanReference,
} from '@slipway/backstage-plugin-delivery-node';
import { inexpressible } from '../definition';
import { RolloutRequest } from '../rollout';
import { TargetRow } from '../store';
import { EngineContext } from './context';
import { candidateRole } from './generationName';
import { referencesNow } from './referencesNow';
import { withTimeLimit } from './timeLimit';

/** A restart replaces instances without ever having fewer that serve. */
const RESTART_STRATEGY: StrategyModel = {
  type: 'rolling',
  maxSurge: { count: 1 },
  maxUnavailable: { count: 0 },
};

const DEFAULT_PROGRESS_DEADLINE_MS = 600_000;

export type PreparedStart =
  | {
      ok: true;
      request: RolloutRequest;
      /** What the Plan names and does not contain, as it is now. */
      references: PlanReference[];
    }
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
 * The strategy as this environment runs it, and who leads it: a rolling service
 * is led by the environment's own controller where it has one, its restarts and
 * rollbacks as well. A release's definition was held against the environment
 * when it was made; but the connection may not have been there, or be another
 * one by now. What goes back is never held up by its strategy.
 *
 * Errors: `InputError` when the environment cannot do what the strategy says.
 */
function arrange(
  connection: Connection,
  wanted: StrategyModel | undefined,
  { kind, environment }: Deployment,
): Pick<RolloutRequest, 'strategy' | 'delegated'> {
  const stated = wanted ?? RESTART_STRATEGY;
  const cannot = inexpressible(stated, connection);
  if (cannot.length > 0 && kind === 'deploy') {
    throw new InputError(
      `The strategy cannot be followed in ${environment}: ${cannot
        .map(
          ({ path, expected, found, hint }) =>
            `at ${path.join('.')} expected ${expected}, found ${found}${
              hint ? `. ${hint}` : ''
            }`,
        )
        .join('; ')}`,
    );
  }
  const possible = cannot.length > 0 ? RESTART_STRATEGY : stated;
  const strategy = kind === 'restart' ? RESTART_STRATEGY : possible;
  const { delegated } = connection;
  if (!wanted || possible.type !== 'rolling' || !delegated) {
    return { strategy };
  }
  const lowered = delegated.lower(possible);
  return 'program' in lowered
    ? {
        strategy,
        delegated: { leader: delegated.leader, program: lowered.program },
      }
    : { strategy };
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
    const { strategy, delegated } = arrange(
      connection,
      model?.strategy,
      deployment,
    );
    const references =
      deployment.kind === 'deploy'
        ? plan.references ?? []
        : await referencesNow({ plan, connection, signal });
    return {
      ok: true,
      references,
      request: {
        deploymentId: deployment.id,
        attempt: 1,
        kind: deployment.kind,
        candidate: candidateRole({ plan, record: row.record, deployment }),
        strategy,
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
            action: 'Correct the manifests or the definition and release again',
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
