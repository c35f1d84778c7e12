import { NotAllowedError, NotFoundError } from '@backstage/errors';
import { Permission } from '@backstage/plugin-permission-common';
import {
  Deployment,
  Page,
  Release,
  ServiceRef,
  TargetRef,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import type { DeliveryStore } from '../../store';
import {
  Authorizer,
  loadServiceResource,
  loadTargetResource,
  requireAllowed,
} from '../auth';
import { Context } from './types';

/** What the platform does not have is told to everybody: its environments are known. */
export function noEnvironment(
  name: string,
  environments: Array<{ name: string }>,
): NotFoundError {
  return new NotFoundError(
    `No environment "${name}": expected one of ${
      environments.map(environment => environment.name).join(', ') ||
      '(none: delivery.environments is empty)'
    }`,
  );
}

/** What the decorators share: making grants and refusing by them. */
export class Access {
  readonly #authorizer: Authorizer;
  readonly #store: DeliveryStore;
  readonly #environments: Array<{ name: string; tier: string }>;

  constructor(
    authorizer: Authorizer,
    store: DeliveryStore,
    environments: Array<{ name: string; tier: string }>,
  ) {
    this.#authorizer = authorizer;
    this.#store = store;
    this.#environments = environments;
  }

  /** One question to the permission backend for the whole request. */
  async grant(context: Context, permissions: Permission[]): Promise<Context> {
    return {
      ...context,
      grants: await this.#authorizer.grants(context.caller, permissions),
    };
  }

  /** Throws unless the caller has the permission and sees the entity. */
  async requireService(
    context: Context,
    permission: Permission,
    service: ServiceRef,
  ): Promise<void> {
    const resource = await loadServiceResource(this.#store, service);
    requireAllowed(context.grants, permission, resource);
    await this.#requireVisible(context, service);
  }

  /** Throws unless the target exists and the caller has the permission on it. */
  async requireTarget(
    context: Context,
    permission: Permission,
    target: TargetRef,
  ): Promise<void> {
    const resource = await loadTargetResource(this.#store, target);
    if (!resource) {
      throw new NotFoundError(
        `No target "${stringifyTarget(
          target,
        )}": the service's definition does not name the environment, or the service is unknown`,
      );
    }
    requireAllowed(context.grants, permission, resource);
    await this.#requireVisible(context, target.service);
  }

  /** Throws unless the platform has the environment and the caller the permission on it. */
  requireEnvironment(
    context: Context,
    permission: Permission,
    environment: string,
  ): void {
    const found = this.#environments.find(({ name }) => name === environment);
    if (!found) {
      throw noEnvironment(environment, this.#environments);
    }
    requireAllowed(context.grants, permission, {
      environment: found.name,
      tier: found.tier,
    });
  }

  async release(id: string): Promise<Release> {
    const release = await this.#store.releases.get(id);
    if (!release) {
      throw new NotFoundError(`No release with the id "${id}"`);
    }
    return release;
  }

  async deployment(id: string): Promise<Deployment> {
    const deployment = await this.#store.deployments.get(id);
    if (!deployment) {
      throw new NotFoundError(`No deployment with the id "${id}"`);
    }
    return deployment;
  }

  /** The digests of a release, for the audit; none while it is being made. */
  async digests(releaseId: string): Promise<string[] | undefined> {
    const release = await this.#store.releases.get(releaseId);
    const digests = release?.images.map(image => image.digest) ?? [];
    return digests.length > 0 ? digests : undefined;
  }

  /** Leaves out what the catalog hides; the page may get shorter than asked. */
  async visiblePage<T>(
    context: Context,
    page: Page<T>,
    serviceOf: (item: T) => ServiceRef,
  ): Promise<Page<T>> {
    const refs = [...new Set(page.items.map(serviceOf))];
    const visible = await context.grants.visible(refs);
    return {
      ...page,
      items: page.items.filter(item => visible.has(serviceOf(item))),
    };
  }

  async #requireVisible(context: Context, service: ServiceRef): Promise<void> {
    const visible = await context.grants.visible([service]);
    if (!visible.has(service)) {
      throw new NotAllowedError(
        `The permission catalog.entity.read on ${service} is needed to see its deliveries`,
      );
    }
  }
}
