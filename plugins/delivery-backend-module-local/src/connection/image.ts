import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { RegistryAccess } from '@slipway/backstage-plugin-delivery-node';
import {
  ImageAnswer,
  RegistryAddress,
  RunSpec,
  imageAnswerSchema,
} from '../locald';
import { LocaldClient } from './client';

/** An image has to be pulled and unpacked within this time. */
const PULL_TIMEOUT_MS = 5 * 60_000;

/** How slipway-locald reaches the registry. */
export async function registryAddress(
  registry: RegistryAccess,
): Promise<RegistryAddress> {
  const credentials = await registry.credentials?.();
  return {
    url: registry.url,
    host: registry.host,
    ...(credentials && { credentials }),
  };
}

/**
 * Pulls and unpacks the image and looks whether it can run here; answers the
 * versions that its secrets have now.
 *
 * Errors: `InputError` when it cannot, or a secret is missing.
 */
export async function checkImage(
  client: LocaldClient,
  registry: RegistryAccess,
  spec: RunSpec,
  { environment }: TargetRef,
): Promise<ImageAnswer> {
  const answer = await client.call<unknown>({
    method: 'POST',
    path: ['images'],
    body: { spec, registry: await registryAddress(registry), environment },
    signal: AbortSignal.timeout(PULL_TIMEOUT_MS),
    timeoutMs: PULL_TIMEOUT_MS,
  });
  return imageAnswerSchema.parse(answer);
}
