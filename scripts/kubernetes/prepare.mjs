// Makes a cluster ready for the example: its namespaces, and the base image in
// the registry it pulls from. Everything is said before it is done; returns
// what is missing.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { pushBaseImage } from './base-image.mjs';

const run = promisify(execFile);
const NEEDED = {
  SLIPWAY_REGISTRY:
    'host:port of a registry that the nodes pull from over HTTP',
  BUILDKIT_HOST: 'the address of a buildkitd that reaches this registry',
  SLIPWAY_GATEWAY_METRICS:
    "the address of the statistics of the gateway's Envoy, in Prometheus' format",
  SLIPWAY_PROMETHEUS: 'the address of a Prometheus that scrapes them',
};

async function missingProgram(name, args) {
  try {
    await run(name, args, { timeout: 20_000 });
    return undefined;
  } catch (error) {
    return error.code === 'ENOENT'
      ? `${name} is needed on PATH`
      : `${name} ${args.join(' ')} failed: ${error.stderr || error.message}`;
  }
}

async function hasBaseImage(registry) {
  const response = await fetch(
    `http://${registry}/v2/library/node-base/manifests/24`,
    {
      method: 'HEAD',
      headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
      signal: AbortSignal.timeout(10_000),
    },
  );
  return response.ok;
}

export async function prepareKubernetes({ root, say }) {
  for (const [name, meaning] of Object.entries(NEEDED))
    if (!process.env[name]) return `${name} is needed: ${meaning}`;
  const { SLIPWAY_REGISTRY: registry, BUILDKIT_HOST: buildkit } = process.env;
  const missing =
    (await missingProgram('kubectl', ['version', '-o', 'json'])) ??
    (await missingProgram('buildctl', ['--addr', buildkit, 'debug', 'info']));
  if (missing) return missing;
  say('applies the namespaces storefront-staging and storefront-production');
  await run(
    'kubectl',
    [
      'apply',
      '--server-side',
      '-f',
      path.join(root, 'examples', 'kubernetes', 'platform.yaml'),
    ],
    { timeout: 30_000 },
  );
  if (!(await hasBaseImage(registry)))
    pushBaseImage({ registry, buildkit, say });
  return undefined;
}
