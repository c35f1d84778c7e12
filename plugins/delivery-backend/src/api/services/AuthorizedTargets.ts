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
  deliveryDeployPermission,
  deliveryLogsReadPermission,
  deliveryOperatePermission,
  deliveryTargetReadPermission,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { Audit } from '../auth';
import { TARGET_PAGE_PERMISSIONS, TARGET_VERB_PERMISSIONS } from '../views';
import { Access } from './access';
import {
  Context,
  LogQuery,
  PageQuery,
  TargetsService,
  VerbOptions,
} from './types';

/** Decides for the target, verb by verb; audits what is written. */
export class AuthorizedTargets implements TargetsService {
  readonly #inner: TargetsService;
  readonly #access: Access;
  readonly #audit: Audit;

  constructor(inner: TargetsService, access: Access, audit: Audit) {
    this.#inner = inner;
    this.#access = access;
    this.#audit = audit;
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
    const granted = await this.#access.grant(context, [
      deliveryTargetReadPermission,
      ...TARGET_PAGE_PERMISSIONS,
    ]);
    const page = await this.#inner.list(granted, query);
    return this.#access.visiblePage(granted, page, item => item.service);
  }

  async command(
    context: Context,
    target: TargetRef,
    verb: TargetVerb,
    options: VerbOptions,
  ): Promise<CommandAnswer> {
    const permission = TARGET_VERB_PERMISSIONS[verb];
    return this.#audit.write(
      context.caller,
      {
        eventId: 'target-command',
        verb,
        subject: stringifyTarget(target),
        reason: options.reason,
      },
      async () => {
        const granted = await this.#access.grant(context, [permission]);
        await this.#access.requireTarget(granted, permission, target);
        return this.#inner.command(granted, target, verb, options);
      },
    );
  }

  async operate(
    context: Context,
    target: TargetRef,
    operation: string,
    options: VerbOptions & { args: Record<string, string | number | boolean> },
  ): Promise<CommandAnswer> {
    return this.#audit.write(
      context.caller,
      {
        eventId: 'target-operation',
        verb: `operation:${operation}${argumentsText(options.args)}`,
        subject: stringifyTarget(target),
        reason: options.reason,
      },
      async () => {
        const granted = await this.#access.grant(context, [
          deliveryOperatePermission,
        ]);
        await this.#access.requireTarget(
          granted,
          deliveryOperatePermission,
          target,
        );
        return this.#inner.operate(granted, target, operation, options);
      },
    );
  }

  /** It asks the environment, and tells its rights: for those who operate it. */
  async checks(
    context: Context,
    target: TargetRef,
    signal: AbortSignal,
  ): Promise<ConnectionCheck[]> {
    const granted = await this.#access.grant(context, [
      deliveryOperatePermission,
    ]);
    await this.#access.requireTarget(
      granted,
      deliveryOperatePermission,
      target,
    );
    return this.#inner.checks(granted, target, signal);
  }

  /** For those who may deploy: it renders, asks the environment, and shows manifests. */
  async preview(
    context: Context,
    target: TargetRef,
    releaseId: string,
    signal: AbortSignal,
  ): Promise<PlanDiff | undefined> {
    const granted = await this.#access.grant(context, [
      deliveryDeployPermission,
    ]);
    await this.#access.requireTarget(granted, deliveryDeployPermission, target);
    return this.#inner.preview(granted, target, releaseId, signal);
  }

  /** Logs belong to the service (`delivery.logs.read`), read in a target one sees. */
  async logs(
    context: Context,
    target: TargetRef,
    query: LogQuery & { instance?: string; generation?: string },
  ): Promise<LogChunk> {
    const granted = await this.#access.grant(context, [
      deliveryLogsReadPermission,
      deliveryTargetReadPermission,
    ]);
    await this.#access.requireService(
      granted,
      deliveryLogsReadPermission,
      target.service,
    );
    await this.#access.requireTarget(
      granted,
      deliveryTargetReadPermission,
      target,
    );
    return this.#inner.logs(granted, target, query);
  }
}

/** ` replicas=5`: what was asked for belongs to who asked for it. */
function argumentsText(args: Record<string, string | number | boolean>) {
  return Object.entries(args)
    .map(([name, value]) => ` ${name}=${value}`)
    .join('')
    .slice(0, 200);
}
