import { isAbsolute, join, resolve } from 'node:path';
import { Config } from '@backstage/config';
import { InputError } from '@backstage/errors';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { TrafficSettings } from './locald';

/** `delivery.local`, with its defaults filled in. */
export interface LocalConfig {
  dataDirectory: string;
  registryPort?: number;
  /** A folder of advisories in the OSV format. */
  advisories: string;
  /** Folders below which git repositories may lie. */
  gitRoots: string[];
  /** Hosts that git repositories may be fetched from. */
  gitHosts: string[];
  /** Hosts that packages may come from besides the configured registry. */
  packageHosts: string[];
  traffic(target: TargetRef): TrafficSettings | undefined;
}

/**
 * Reads `delivery.local`; `undefined`: it is not turned on.
 *
 * Errors: `InputError` when it is turned on in production.
 */
export function readLocalConfig(
  rootConfig: Config,
  options: { workingDirectory: string; nodeEnv: string | undefined },
): LocalConfig | undefined {
  const config = rootConfig.getOptionalConfig('delivery.local');
  if (!config?.getOptionalBoolean('enabled')) {
    return undefined;
  }
  if (options.nodeEnv === 'production') {
    throw new InputError(
      'delivery.local.enabled is true while NODE_ENV is "production". The local environment runs services as plain processes of this machine and isolates nothing, so it is refused there; set it to false and connect a cluster instead',
    );
  }
  const absolute = (path: string) =>
    isAbsolute(path) ? path : resolve(options.workingDirectory, path);
  const dataDirectory = absolute(
    config.getOptionalString('dataDirectory') ?? join('..', '..', '.slipway'),
  );
  const traffic = (config.getOptionalConfigArray('traffic') ?? []).map(
    entry => ({
      service: entry.getString('service'),
      environment: entry.getOptionalString('environment'),
      settings: {
        on: entry.getOptionalBoolean('on') ?? true,
        requestsPerSecond: entry.getOptionalNumber('requestsPerSecond') ?? 10,
        path: entry.getOptionalString('path') ?? '/',
      },
    }),
  );
  return {
    dataDirectory,
    registryPort: config.getOptionalNumber('registry.port'),
    advisories: absolute(
      config.getOptionalString('advisories') ??
        join(dataDirectory, 'advisories'),
    ),
    gitRoots: (
      config.getOptionalStringArray('git.roots') ?? [
        join(dataDirectory, 'repositories'),
      ]
    ).map(absolute),
    gitHosts: config.getOptionalStringArray('git.hosts') ?? [],
    packageHosts: config.getOptionalStringArray('packageHosts') ?? [],
    traffic: target =>
      traffic.find(
        entry =>
          entry.service === target.service &&
          (entry.environment ?? target.environment) === target.environment,
      )?.settings,
  };
}
