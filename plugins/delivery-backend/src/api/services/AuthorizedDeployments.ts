import { Permission } from '@backstage/plugin-permission-common';
import {
  CommandAnswer,
  Deployment,
  DeploymentDetail,
  DeploymentVerb,
  MeasurementsView,
  Page,
  ServiceRef,
  TargetRef,
  deliveryDeployPermission,
  deliveryLogsReadPermission,
  deliveryRollbackPermission,
  deliveryTargetReadPermission,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { Audit } from '../auth';
import { DEPLOYMENT_VERB_PERMISSIONS, TARGET_PAGE_PERMISSIONS } from '../views';
import { Access } from './access';
import { Context, DeploymentsService, PageQuery, VerbOptions } from './types';

/** Decides for the deployment's target, verb by verb; audits what is written. */
export class AuthorizedDeployments implements DeploymentsService {
  readonly #inner: DeploymentsService;
  readonly #access: Access;
  readonly #audit: Audit;

  constructor(inner: DeploymentsService, access: Access, audit: Audit) {
    this.#inner = inner;
    this.#access = access;
    this.#audit = audit;
  }

  async create(
    context: Context,
    request: VerbOptions & {
      target: TargetRef;
      releaseId: string;
      kind: 'deploy' | 'rollback';
    },
  ): Promise<Deployment> {
    const permission =
      request.kind === 'rollback'
        ? deliveryRollbackPermission
        : deliveryDeployPermission;
    return this.#audit.write(
      context.caller,
      {
        eventId: 'deployment-create',
        verb: request.kind,
        subject: stringifyTarget(request.target),
        reason: request.reason,
        digests: await this.#access.digests(request.releaseId),
      },
      async () => {
        const granted = await this.#access.grant(context, [permission]);
        await this.#access.requireTarget(granted, permission, request.target);
        return this.#inner.create(granted, request);
      },
    );
  }

  async list(
    context: Context,
    query: PageQuery & { service?: ServiceRef; environment?: string },
  ): Promise<Page<Deployment>> {
    const granted = await this.#access.grant(context, [
      deliveryTargetReadPermission,
    ]);
    const page = await this.#inner.list(granted, query);
    return this.#access.visiblePage(granted, page, item => item.service);
  }

  async get(context: Context, id: string): Promise<DeploymentDetail> {
    const granted = await this.#readable(context, id, [
      ...TARGET_PAGE_PERMISSIONS,
      deliveryLogsReadPermission,
    ]);
    return this.#inner.get(granted, id);
  }

  async measurements(context: Context, id: string): Promise<MeasurementsView> {
    return this.#inner.measurements(await this.#readable(context, id), id);
  }

  async command(
    context: Context,
    id: string,
    verb: DeploymentVerb,
    options: VerbOptions,
  ): Promise<CommandAnswer> {
    const deployment = await this.#access.deployment(id);
    const permission = DEPLOYMENT_VERB_PERMISSIONS[verb];
    return this.#audit.write(
      context.caller,
      {
        eventId: 'deployment-command',
        verb,
        subject: id,
        reason: options.reason,
        digests: await this.#access.digests(deployment.releaseId),
      },
      async () => {
        const granted = await this.#access.grant(context, [permission]);
        await this.#access.requireTarget(granted, permission, deployment);
        return this.#inner.command(granted, id, verb, options);
      },
    );
  }

  async #readable(
    context: Context,
    id: string,
    more: Permission[] = [],
  ): Promise<Context> {
    const deployment = await this.#access.deployment(id);
    const granted = await this.#access.grant(context, [
      deliveryTargetReadPermission,
      ...more,
    ]);
    await this.#access.requireTarget(
      granted,
      deliveryTargetReadPermission,
      deployment,
    );
    return granted;
  }
}
