import { createHash, randomUUID } from 'node:crypto';
import {
  ConflictError,
  NotFoundError,
  NotImplementedError,
} from '@backstage/errors';
import {
  CommandAnswer,
  ConnectionCheck,
  LogChunk,
  Page,
  PlanDiff,
  ServiceRef,
  TargetRef,
  TargetVerb,
  TargetView,
  deliveryTargetReadPermission,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { Connection } from '@slipway/backstage-plugin-delivery-node';
import { withTimeLimit } from '../../live';
import { noEnvironment } from './access';
import { CHECK_LIMIT_MS, checkConnection } from './checkConnection';
import { runCommand } from './commandAnswers';
import { ServiceDependencies } from './dependencies';
import { TargetReader } from './targetReader';
import {
  Context,
  LogQuery,
  PageQuery,
  TargetsService,
  VerbOptions,
} from './types';

const OPERATION_LIMIT_MS = 30_000;

/** The estate, and the verbs on one target. */
export class DefaultTargets implements TargetsService {
  readonly #deps: ServiceDependencies;
  readonly #targets: TargetReader;

  constructor(deps: ServiceDependencies, targets: TargetReader) {
    this.#deps = deps;
    this.#targets = targets;
  }

  async list(
    context: Context,
    query: PageQuery & {
      environment?: string;
      owner?: string;
      system?: string;
      service?: ServiceRef;
      attention?: boolean;
    },
  ): Promise<Page<TargetView>> {
    const page = await this.#deps.store.targets.list({
      ...query,
      ...(query.attention
        ? { unwell: this.#deps.healthWatch?.targets() ?? [] }
        : {}),
      filter: context.grants.filter(deliveryTargetReadPermission),
    });
    return {
      ...page,
      items: await this.#targets.views(context, page.items, 'list'),
    };
  }

  async command(
    context: Context,
    target: TargetRef,
    verb: TargetVerb,
    options: VerbOptions,
  ): Promise<CommandAnswer> {
    const { store, deployments, clock } = this.#deps;
    return runCommand(
      store,
      context,
      {
        kind: 'target',
        id: stringifyTarget(target),
        verb,
        wake: () => deployments.poke(target),
      },
      { ...options, nowMs: clock() },
    );
  }

  async operate(
    context: Context,
    target: TargetRef,
    operation: string,
    options: VerbOptions & { args: Record<string, string | number | boolean> },
  ): Promise<CommandAnswer> {
    const { operations, type, name } = this.#connection(target);
    if (!operations) {
      throw new NotImplementedError(
        `The connection ${type}/${name} of ${target.environment} offers no operations`,
      );
    }
    const key = options.idempotencyKey ?? randomUUID();
    const { message } = await withTimeLimit(
      OPERATION_LIMIT_MS,
      `The operation "${operation}"`,
      async signal => {
        const known = await operations.list(target, signal);
        const offered = known.find(candidate => candidate.id === operation);
        if (offered?.unavailable) {
          throw new ConflictError(offered.unavailable);
        }
        if (!offered) {
          throw new NotFoundError(
            `No operation "${operation}" on ${stringifyTarget(
              target,
            )}: expected one of ${
              known.map(candidate => candidate.id).join(', ') || '(none)'
            }`,
          );
        }
        return operations.run(target, operation, options.args, key, signal);
      },
    );
    await this.#tell(context, target, operation, key, {
      message,
      reason: options.reason,
    });
    return { commandId: key, accepted: true, message };
  }

  /**
   * What a person did to what runs is on the timeline of what brought it. It
   * is done by now: an entry that cannot be written makes it no failure.
   */
  async #tell(
    { caller }: Context,
    target: TargetRef,
    operation: string,
    key: string,
    { message, reason }: { message: string; reason?: string },
  ): Promise<void> {
    const { store, clock, logger } = this.#deps;
    try {
      const row = await store.targets.get(target);
      const { stable, rollout } = row?.record ?? {};
      const deploymentId = (rollout?.candidate ?? stable)?.deploymentId;
      if (!deploymentId) {
        return;
      }
      await store.deployments.addEvents([
        {
          id: `operation-${createHash('sha256')
            .update(`${stringifyTarget(target)} ${operation} ${key}`)
            .digest('hex')
            .slice(0, 32)}`,
          ...target,
          atMs: clock(),
          type: `operation-${operation}`,
          message: reason ? `${message} (${reason})` : message,
          level: 'info',
          actor: caller.actor,
          deploymentId,
        },
      ]);
    } catch (error) {
      logger.warn(
        `The timeline of ${stringifyTarget(target)} lacks "${message}" by ${
          caller.actor.ref
        }: ${error}`,
      );
    }
  }

  async checks(
    _context: Context,
    target: TargetRef,
    signal: AbortSignal,
  ): Promise<ConnectionCheck[]> {
    return checkConnection(this.#connection(target), target, signal);
  }

  async preview(
    _context: Context,
    target: TargetRef,
    releaseId: string,
    signal: AbortSignal,
  ): Promise<PlanDiff | undefined> {
    const { objects } = this.#connection(target);
    const diff = objects?.diff?.bind(objects);
    if (!diff) {
      return undefined;
    }
    return withTimeLimit(CHECK_LIMIT_MS, 'The comparison', async limited => {
      const both = AbortSignal.any([signal, limited]);
      return diff(
        target,
        await this.#deps.plans(target, releaseId, both),
        both,
      );
    });
  }

  async logs(
    _context: Context,
    target: TargetRef,
    query: LogQuery & { instance?: string; generation?: string },
  ): Promise<LogChunk> {
    const { logs, type, name } = this.#connection(target);
    if (!logs) {
      throw new NotImplementedError(
        `The connection ${type}/${name} of ${target.environment} keeps no logs`,
      );
    }
    const { instance, generation, after, limit, waitMs } = query;
    const chunk = await logs.read(
      { target, instance, generation, after, limit, waitMs },
      query.signal,
    );
    return {
      ...chunk,
      lines: await this.#targets.withReleases(target, chunk.lines),
    };
  }

  #connection(target: TargetRef): Connection {
    const connection = this.#deps.connections.get(target.environment);
    if (!connection) {
      throw noEnvironment(target.environment, this.#deps.environments);
    }
    return connection;
  }
}
