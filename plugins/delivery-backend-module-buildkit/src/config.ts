import { Config, readDurationFromConfig } from '@backstage/config';
import { InputError } from '@backstage/errors';
import { durationToMilliseconds } from '@backstage/types';

const DEFAULT_TIMEOUT_MS = 30 * 60_000;
const DEFAULT_MAX_BYTES = 5 * 1024 ** 3;
const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?$/;

/** How BuildKit is reached, and what a build may use. */
export interface BuildkitConfig {
  address: string;
  binary: string;
  tls?: {
    caFile: string;
    certFile?: string;
    keyFile?: string;
    serverName?: string;
  };
  platform?: string;
  timeoutMs: number;
  maxBytes: number;
  registries: string[];
  priority: number;
}

/**
 * Reads `delivery.buildkit`; `undefined` when it is not there.
 *
 * Errors: `InputError`, naming the field.
 */
export function readBuildkitConfig(
  root: Config,
  environment: { BUILDKIT_HOST?: string },
): BuildkitConfig | undefined {
  const config = root.getOptionalConfig('delivery.buildkit');
  if (!config) {
    return undefined;
  }
  const address =
    config.getOptionalString('address') ?? environment.BUILDKIT_HOST;
  if (!address || !/^(?:unix|tcp):\/\/[^\s]+$/.test(address)) {
    throw new InputError(
      `delivery.buildkit.address: expected unix:///path or tcp://host:port (or the variable BUILDKIT_HOST), found ${
        address ? `"${address}"` : 'nothing'
      }`,
    );
  }
  const registries = config.getOptionalStringArray('registries') ?? [];
  const wrong = registries.find(host => !HOST.test(host));
  if (wrong !== undefined) {
    throw new InputError(
      `delivery.buildkit.registries: expected hosts such as registry.example.com or 10.0.0.2:5000, found "${wrong}"`,
    );
  }
  const platform = config.getOptionalString('platform');
  if (
    platform !== undefined &&
    !/^[a-z0-9]+\/[a-z0-9]+(?:\/v[0-9]+)?$/.test(platform)
  ) {
    throw new InputError(
      `delivery.buildkit.platform: expected one platform such as linux/amd64, found "${platform}"`,
    );
  }
  const tls = config.getOptionalConfig('tls');
  return {
    address,
    binary: config.getOptionalString('binary') ?? 'buildctl',
    ...(tls && {
      tls: {
        caFile: tls.getString('caFile'),
        certFile: tls.getOptionalString('certFile'),
        keyFile: tls.getOptionalString('keyFile'),
        serverName: tls.getOptionalString('serverName'),
      },
    }),
    ...(platform && { platform }),
    timeoutMs: config.has('timeout')
      ? durationToMilliseconds(
          readDurationFromConfig(config, { key: 'timeout' }),
        )
      : DEFAULT_TIMEOUT_MS,
    maxBytes: config.getOptionalNumber('maxBytes') ?? DEFAULT_MAX_BYTES,
    registries,
    priority: config.getOptionalNumber('priority') ?? 10,
  };
}
