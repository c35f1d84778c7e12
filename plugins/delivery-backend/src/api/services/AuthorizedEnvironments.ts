import {
  ConnectionCheck,
  EnvironmentView,
  deliveryEnvironmentCheckPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { Access } from './access';
import { Context, EnvironmentsService } from './types';

/** Decides by environment: there need not be a service in it yet. */
export class AuthorizedEnvironments implements EnvironmentsService {
  readonly #inner: EnvironmentsService;
  readonly #access: Access;

  constructor(inner: EnvironmentsService, access: Access) {
    this.#inner = inner;
    this.#access = access;
  }

  /** Every signed-in caller may know which environments the platform has. */
  async list(context: Context): Promise<EnvironmentView[]> {
    return this.#inner.list(context);
  }

  /** It asks the environment, and tells its rights and its namespaces. */
  async checks(
    context: Context,
    environment: string,
    signal: AbortSignal,
  ): Promise<ConnectionCheck[]> {
    const permission = deliveryEnvironmentCheckPermission;
    const granted = await this.#access.grant(context, [permission]);
    this.#access.requireEnvironment(granted, permission, environment);
    return this.#inner.checks(granted, environment, signal);
  }
}
