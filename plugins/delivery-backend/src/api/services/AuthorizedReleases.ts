import { Permission } from '@backstage/plugin-permission-common';
import {
  CommandAnswer,
  Finding,
  LogChunk,
  Page,
  Release,
  ReleaseDetail,
  ReleaseVerb,
  ServiceRef,
  deliveryLogsReadPermission,
  deliveryReleaseCreatePermission,
  deliveryReleaseUpdatePermission,
  deliveryServiceReadPermission,
  deliveryTargetReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { Audit } from '../auth';
import { Access } from './access';
import {
  Context,
  LogQuery,
  PageQuery,
  ReleasesService,
  VerbOptions,
} from './types';

/** Decides for the release's service; audits what is written. */
export class AuthorizedReleases implements ReleasesService {
  readonly #inner: ReleasesService;
  readonly #access: Access;
  readonly #audit: Audit;

  constructor(inner: ReleasesService, access: Access, audit: Audit) {
    this.#inner = inner;
    this.#access = access;
    this.#audit = audit;
  }

  async create(
    context: Context,
    service: ServiceRef,
    request: { commit: string; reason?: string; idempotencyKey?: string },
  ): Promise<Release> {
    return this.#audit.write(
      context.caller,
      {
        eventId: 'release-create',
        verb: 'release',
        subject: service,
        reason: request.reason,
      },
      async () => {
        const granted = await this.#access.grant(context, [
          deliveryReleaseCreatePermission,
        ]);
        await this.#access.requireService(
          granted,
          deliveryReleaseCreatePermission,
          service,
        );
        return this.#inner.create(granted, service, request);
      },
    );
  }

  async list(
    context: Context,
    query: PageQuery & { service?: ServiceRef },
  ): Promise<Page<Release>> {
    const granted = await this.#access.grant(context, [
      deliveryServiceReadPermission,
    ]);
    const page = await this.#inner.list(granted, query);
    return this.#access.visiblePage(granted, page, item => item.service);
  }

  async get(context: Context, id: string): Promise<ReleaseDetail> {
    const granted = await this.#readable(context, id, [
      deliveryTargetReadPermission,
      deliveryReleaseUpdatePermission,
    ]);
    return this.#inner.get(granted, id);
  }

  async logs(
    context: Context,
    id: string,
    query: LogQuery & { stage: string },
  ): Promise<LogChunk> {
    const { service } = await this.#access.release(id);
    const granted = await this.#access.grant(context, [
      deliveryLogsReadPermission,
    ]);
    await this.#access.requireService(
      granted,
      deliveryLogsReadPermission,
      service,
    );
    return this.#inner.logs(granted, id, query);
  }

  async findings(
    context: Context,
    id: string,
  ): Promise<{ findings: Finding[]; notCovered: string[] }> {
    return this.#inner.findings(await this.#readable(context, id), id);
  }

  async sbom(context: Context, id: string, image?: string): Promise<Buffer> {
    return this.#inner.sbom(await this.#readable(context, id), id, image);
  }

  async command(
    context: Context,
    id: string,
    verb: ReleaseVerb,
    options: VerbOptions,
  ): Promise<CommandAnswer> {
    const release = await this.#access.release(id);
    return this.#audit.write(
      context.caller,
      {
        eventId: 'release-command',
        verb,
        subject: id,
        reason: options.reason,
        digests: release.images.map(image => image.digest),
      },
      async () => {
        const granted = await this.#access.grant(context, [
          deliveryReleaseUpdatePermission,
        ]);
        await this.#access.requireService(
          granted,
          deliveryReleaseUpdatePermission,
          release.service,
        );
        return this.#inner.command(granted, id, verb, options);
      },
    );
  }

  async #readable(
    context: Context,
    id: string,
    more: Permission[] = [],
  ): Promise<Context> {
    const { service } = await this.#access.release(id);
    const granted = await this.#access.grant(context, [
      deliveryServiceReadPermission,
      ...more,
    ]);
    await this.#access.requireService(
      granted,
      deliveryServiceReadPermission,
      service,
    );
    return granted;
  }
}
