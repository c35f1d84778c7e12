import { LoggerService } from '@backstage/backend-plugin-api';
import { NotImplementedError } from '@backstage/errors';
import type { ReleaseMaker } from '../api';
import { Connection } from '@slipway/backstage-plugin-delivery-node';
import { addedMetrics } from '../connections';
import { EnvironmentConfig } from '../definition';
import type { ReleaseWork } from '../engine';
import { createReleaseRunner } from '../release';
import type { DeliveryStore, ReleaseRow, StoreTx } from '../store';
import { Ports } from './ports';

export interface ReleasesOptions {
  ports: Ports;
  store: DeliveryStore;
  environments: EnvironmentConfig[];
  connections: ReadonlyMap<string, Connection>;
  workDirectory: string;
  logger: LoggerService;
  /** In the transaction of a release's last step. */
  onReady(release: ReleaseRow, tx: StoreTx): Promise<void>;
}

/**
 * The release room, or, while modules are missing that it cannot do without,
 * one that refuses with their names: releases that wait stay as they are.
 */
export function createReleases(options: ReleasesOptions): {
  runner?: ReleaseWork;
  maker: ReleaseMaker;
} {
  const { ports, store, environments, workDirectory, logger, onReady } =
    options;
  const { fetchers, builders, scanner, registry } = ports;
  const missing = ports.missingForReleases();
  if (missing.length > 0 || !scanner || !registry) {
    const refuse = async (): Promise<never> => {
      throw new NotImplementedError(
        `No releases can be made here: no installed module brings ${missing.join(
          ', ',
        )}`,
      );
    };
    return { maker: { createRelease: refuse, commits: refuse } };
  }
  const runner = createReleaseRunner({
    store,
    fetchers,
    builders,
    scanner,
    registry,
    environments,
    connections: options.connections,
    metrics: addedMetrics(ports.metricProviders),
    workDirectory,
    logger,
    onReady,
  });
  return { runner, maker: runner };
}
