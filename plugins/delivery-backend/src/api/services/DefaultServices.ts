import { NotFoundError } from '@backstage/errors';
import {
  CommitView,
  Page,
  ServiceOverview,
  ServiceRef,
  ServiceSummary,
  deliveryServiceReadPermission,
  deliveryTargetReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import type { ServiceRow } from '../../store';
import { ServiceDependencies } from './dependencies';
import { TargetReader } from './targetReader';
import { Context, PageQuery, ServicesService } from './types';

const OVERVIEW_RELEASES = 20;

/** Services and the one answer that a Delivery tab needs. */
export class DefaultServices implements ServicesService {
  readonly #deps: ServiceDependencies;
  readonly #targets: TargetReader;

  constructor(deps: ServiceDependencies, targets: TargetReader) {
    this.#deps = deps;
    this.#targets = targets;
  }

  async list(
    context: Context,
    query: PageQuery & { owner?: string; system?: string },
  ): Promise<Page<ServiceSummary>> {
    const page = await this.#deps.store.services.list({
      ...query,
      filter: context.grants.filter(deliveryServiceReadPermission),
    });
    return { ...page, items: page.items.map(toSummary) };
  }

  async overview(
    context: Context,
    service: ServiceRef,
  ): Promise<ServiceOverview> {
    const { store, environments, allowDisabled, permissionsEnabled } =
      this.#deps;
    const row = await this.#service(service);
    const [rows, releases] = await Promise.all([
      store.targets.list({
        service,
        limit: 200,
        filter: context.grants.filter(deliveryTargetReadPermission),
      }),
      store.releases.list({ service, limit: OVERVIEW_RELEASES }),
    ]);
    const order = environments.map(environment => environment.name);
    const views = await this.#targets.views(context, rows.items, 'full');
    const targets = views.sort(
      (a, b) =>
        order.indexOf(a.environment.name) - order.indexOf(b.environment.name),
    );
    return {
      service: toSummary(row),
      targets,
      releases: releases.items,
      permissions: { allowDisabled, enabled: permissionsEnabled },
    };
  }

  async commits(
    _context: Context,
    service: ServiceRef,
    query: { ref?: string; limit: number },
  ): Promise<CommitView[]> {
    await this.#service(service);
    const commits = await this.#deps.releases.commits(service, query);
    const releases = await this.#deps.store.releases.latestForCommits(
      service,
      commits.map(commit => commit.sha),
    );
    return commits.map(commit => ({
      ...commit,
      releaseId: releases.get(commit.sha)?.id,
      releaseStatus: releases.get(commit.sha)?.status,
    }));
  }

  async #service(service: ServiceRef): Promise<ServiceRow> {
    const row = await this.#deps.store.services.get(service);
    if (!row) {
      throw new NotFoundError(
        `No service "${service}": expected a catalog component with the annotation slipway.dev/definition`,
      );
    }
    return row;
  }
}

/** Where the source lies is not everybody's business. */
function toSummary(row: ServiceRow): ServiceSummary {
  return {
    ref: row.ref,
    title: row.title,
    owner: row.owner,
    system: row.system,
    definitionError: row.definitionError,
  };
}
