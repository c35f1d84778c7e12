/** Where the tests' cluster is, from the environment. */
export interface ClusterSettings {
  /** `host:port` of a registry that the nodes pull from over plain HTTP. */
  registry: string;
  /** Address of the Gateway `slipway` in namespace `gateway`; none: no routes. */
  gateway?: string;
  /** Prometheus' text format of the Gateway's data plane. */
  gatewayMetrics?: string;
}

/** What is missing for tests on a cluster; `undefined`: nothing. */
export function missingForCluster(
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const missing = ['KUBECONFIG', 'SLIPWAY_REGISTRY'].filter(name => !env[name]);
  return missing.length > 0 ? missing.join(' and ') : undefined;
}

export function readClusterSettings(
  env: NodeJS.ProcessEnv = process.env,
): ClusterSettings {
  const missing = missingForCluster(env);
  const registry = env.SLIPWAY_REGISTRY;
  if (missing || !registry) {
    throw new Error(`Tests on a cluster need ${missing}`);
  }
  return {
    registry,
    gateway: env.SLIPWAY_GATEWAY?.replace(/\/+$/, '') || undefined,
    gatewayMetrics: env.SLIPWAY_GATEWAY_METRICS || undefined,
  };
}

/**
 * A suite that needs a real cluster. Without one it is skipped, loudly, or
 * fails where `SLIPWAY_REQUIRE_CLUSTER` is set.
 */
export function describeOnCluster(name: string, suite: () => void): void {
  const missing = missingForCluster();
  if (!missing) {
    describe(name, suite);
    return;
  }
  const message = `${name}: the tests on a cluster need ${missing}`;
  if (process.env.SLIPWAY_REQUIRE_CLUSTER) {
    throw new Error(message);
  }
  // eslint-disable-next-line no-console
  console.warn(`SKIPPED ${message}`);
  describe.skip(name, suite);
}
