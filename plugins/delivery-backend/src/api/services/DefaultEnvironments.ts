import {
  ConnectionCheck,
  EnvironmentView,
} from '@slipway/backstage-plugin-delivery-common';
import { environmentView } from '../views';
import { noEnvironment } from './access';
import { checkConnection } from './checkConnection';
import { ServiceDependencies } from './dependencies';
import { Context, EnvironmentsService } from './types';

/** What the platform's configuration says, and what its connections lack. */
export class DefaultEnvironments implements EnvironmentsService {
  readonly #deps: Pick<ServiceDependencies, 'environments' | 'connections'>;

  constructor(deps: Pick<ServiceDependencies, 'environments' | 'connections'>) {
    this.#deps = deps;
  }

  async list(_context: Context): Promise<EnvironmentView[]> {
    const { environments, connections } = this.#deps;
    return environments.map(environment =>
      environmentView(environment, connections.get(environment.name)),
    );
  }

  async checks(
    _context: Context,
    environment: string,
    signal: AbortSignal,
  ): Promise<ConnectionCheck[]> {
    const { environments, connections } = this.#deps;
    const connection = connections.get(environment);
    if (!connection) {
      throw noEnvironment(environment, environments);
    }
    return checkConnection(connection, { environment }, signal);
  }
}
