import {
  CommitView,
  Page,
  ServiceOverview,
  ServiceRef,
  ServiceSummary,
  deliveryServiceReadPermission,
  deliveryTargetReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { TARGET_PAGE_PERMISSIONS } from '../views';
import { Access } from './access';
import { Context, PageQuery, ServicesService } from './types';

/** Reads need `delivery.service.read` and the entity in the catalog. */
export class AuthorizedServices implements ServicesService {
  readonly #inner: ServicesService;
  readonly #access: Access;

  constructor(inner: ServicesService, access: Access) {
    this.#inner = inner;
    this.#access = access;
  }

  async list(
    context: Context,
    query: PageQuery & { owner?: string; system?: string },
  ): Promise<Page<ServiceSummary>> {
    const granted = await this.#access.grant(context, [
      deliveryServiceReadPermission,
    ]);
    const page = await this.#inner.list(granted, query);
    return this.#access.visiblePage(granted, page, item => item.ref);
  }

  async overview(
    context: Context,
    service: ServiceRef,
  ): Promise<ServiceOverview> {
    const granted = await this.#access.grant(context, [
      deliveryServiceReadPermission,
      deliveryTargetReadPermission,
      ...TARGET_PAGE_PERMISSIONS,
    ]);
    await this.#access.requireService(
      granted,
      deliveryServiceReadPermission,
      service,
    );
    return this.#inner.overview(granted, service);
  }

  async commits(
    context: Context,
    service: ServiceRef,
    query: { ref?: string; limit: number },
  ): Promise<CommitView[]> {
    const granted = await this.#access.grant(context, [
      deliveryServiceReadPermission,
    ]);
    await this.#access.requireService(
      granted,
      deliveryServiceReadPermission,
      service,
    );
    return this.#inner.commits(granted, service, query);
  }
}
