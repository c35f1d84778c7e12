import { randomUUID } from 'node:crypto';
import { NotFoundError } from '@backstage/errors';
import {
  CommandAnswer,
  Deployment,
  DeploymentDetail,
  DeploymentVerb,
  MeasurementsView,
  Page,
  ServiceRef,
  TargetRef,
  deliveryLogsReadPermission,
  deliveryTargetReadPermission,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { deploymentVerbs, notRestorable, withRollout } from '../views';
import { runCommand } from './commandAnswers';
import { ServiceDependencies } from './dependencies';
import { TargetReader } from './targetReader';
import { Context, DeploymentsService, PageQuery, VerbOptions } from './types';

const DETAIL_EVENTS = 200;

/** Starting deployments, looking at them, and the verbs on them. */
export class DefaultDeployments implements DeploymentsService {
  readonly #deps: ServiceDependencies;
  readonly #targets: TargetReader;

  constructor(deps: ServiceDependencies, targets: TargetReader) {
    this.#deps = deps;
    this.#targets = targets;
  }

  async create(
    context: Context,
    request: VerbOptions & {
      target: TargetRef;
      releaseId: string;
      kind: 'deploy' | 'rollback';
    },
  ): Promise<Deployment> {
    const { target, releaseId, kind } = request;
    return this.#deps.deployments.requestDeployment({
      service: target.service,
      environment: target.environment,
      releaseId,
      kind,
      actor: context.caller.actor,
      cause: request.reason ?? 'manual',
      idempotencyKey: request.idempotencyKey ?? randomUUID(),
    });
  }

  async list(
    context: Context,
    query: PageQuery & { service?: ServiceRef; environment?: string },
  ): Promise<Page<Deployment>> {
    return this.#deps.store.deployments.list({
      ...query,
      filter: context.grants.filter(deliveryTargetReadPermission),
    });
  }

  async get(context: Context, id: string): Promise<DeploymentDetail> {
    const { store } = this.#deps;
    const deployment = await this.#deployment(id);
    const target = targetOf(deployment);
    const { planId } = deployment;
    const [row, release, events, pendingCommands, evidence, remarks] =
      await Promise.all([
        store.targets.get(target),
        store.releases.get(deployment.releaseId),
        store.deployments.events({ deploymentId: id, limit: DETAIL_EVENTS }),
        store.commands.pending([id, stringifyTarget(target)]),
        store.deployments.evidence(id),
        planId === undefined ? undefined : store.plans.remarks(planId),
      ]);
    const references = evidence.references ?? remarks?.references ?? [];
    const mayReadLogs = context.grants.decide(deliveryLogsReadPermission, {
      service: target.service,
      owner: row?.owner,
      system: row?.system,
    }).allowed;
    const complete = withRollout(deployment, row);
    return {
      deployment: complete,
      release: release && {
        id: release.id,
        service: release.service,
        commit: release.commit,
        version: release.version,
        status: release.status,
        stages: release.stages,
        images: release.images,
        findings: release.findings,
        reason: release.reason,
        createdBy: release.createdBy,
        createdAtMs: release.createdAtMs,
        finishedAtMs: release.finishedAtMs,
        rowVersion: release.rowVersion,
      },
      target: {
        stable: row?.record.stable,
        draining: row?.record.draining ?? [],
        desired: row?.record.desired ?? {
          revision: 0,
          generations: [],
          shares: [],
        },
      },
      verdicts: await this.#targets.verdicts(complete, row),
      events,
      pendingCommands,
      verbs: deploymentVerbs(complete, permission =>
        context.grants.decide(permission, {
          ...target,
          tier: row?.tier ?? '',
          owner: row?.owner,
          system: row?.system,
        }),
      ),
      notRestorable: notRestorable(references),
      ignored: remarks?.ignored ?? [],
      ...(mayReadLogs && evidence.logs ? { newInCanary: evidence.logs } : {}),
      traffic: evidence.traffic ?? [],
    };
  }

  async measurements(_context: Context, id: string): Promise<MeasurementsView> {
    const { store } = this.#deps;
    const deployment = await this.#deployment(id);
    const row = await store.targets.get(targetOf(deployment));
    const [measurements, verdicts] = await Promise.all([
      store.deployments.measurements(id),
      this.#targets.verdicts(deployment, row),
    ]);
    return { measurements, verdicts };
  }

  async command(
    context: Context,
    id: string,
    verb: DeploymentVerb,
    options: VerbOptions,
  ): Promise<CommandAnswer> {
    const { store, deployments, clock } = this.#deps;
    const deployment = await this.#deployment(id);
    return runCommand(
      store,
      context,
      {
        kind: 'deployment',
        id,
        verb,
        wake: () => deployments.poke(targetOf(deployment)),
      },
      { ...options, nowMs: clock() },
    );
  }

  async #deployment(id: string): Promise<Deployment> {
    const deployment = await this.#deps.store.deployments.get(id);
    if (!deployment) {
      throw new NotFoundError(`No deployment with the id "${id}"`);
    }
    return deployment;
  }
}

function targetOf(deployment: Deployment): TargetRef {
  return {
    service: deployment.service,
    environment: deployment.environment,
  };
}
