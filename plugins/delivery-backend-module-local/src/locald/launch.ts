import { InstancePhase } from '@slipway/backstage-plugin-delivery-common';
import { BackoffPolicy } from './backoff';
import { ImagePullError } from './causes';
import { resolveEntrypoint } from './entrypoint';
import { buildEnvironment } from './environment';
import { ImageStore, UnpackedImage } from './images';
import { LaunchPlan } from './instanceTypes';
import { RegistryAddress } from './protocol';
import { GenerationRecord } from './state';

/** What a target needs of the process around it. */
export interface TargetHost {
  directory: string;
  mark: string;
  images: ImageStore;
  backoff?: BackoffPolicy;
  takePort(): Promise<number>;
  save(): Promise<void>;
  log(message: string): void;
  onChange(id: string): void;
  /** Service name to router URL, for the names that are given. */
  peers(environment: string, names: string[]): Map<string, string>;
  secrets(environment: string): Promise<Record<string, Record<string, string>>>;
  credentials(host: string): RegistryAddress['credentials'];
}

/**
 * Everything that a start needs: the image unpacked, the arguments, the
 * environment with its secrets. Made anew for each start and kept nowhere.
 *
 * Errors: `ImagePullError`; `InputError` for what cannot run here; plain
 * `Error` for a missing secret.
 */
export async function prepareLaunch(options: {
  host: TargetHost;
  generation: GenerationRecord;
  instance: string;
  environment: string;
  port: number | undefined;
  homeDirectory: string;
  onPhase: (phase: InstancePhase) => void;
  signal: AbortSignal;
}): Promise<LaunchPlan> {
  const { host, generation, environment, port, homeDirectory } = options;
  const { spec, peers } = generation;
  const image = await bringImage(options);
  const { args, cwd } = await resolveEntrypoint(
    spec,
    image.process,
    image.rootfs,
  );
  const env = buildEnvironment({
    image: image.process.env,
    entries: spec.env,
    peers: host.peers(environment, peers),
    secrets: await host.secrets(environment),
    instance: options.instance,
    environment,
    port,
    homeDirectory,
    mark: host.mark,
  });
  return { digest: image.digest, args, cwd, env };
}

async function bringImage(options: {
  host: TargetHost;
  generation: GenerationRecord;
  onPhase: (phase: InstancePhase) => void;
  signal: AbortSignal;
}): Promise<UnpackedImage> {
  const { host, generation, onPhase, signal } = options;
  const { reference } = generation.spec.image;
  const found = await host.images.find(reference);
  if (found) {
    return found;
  }
  onPhase('pulling');
  const { registry } = generation;
  try {
    return await host.images.ensure(
      reference,
      { ...registry, credentials: host.credentials(registry.host) },
      signal,
    );
  } catch (error) {
    throw new ImagePullError(
      `${reference}: ${error instanceof Error ? error.message : error}`,
      { cause: error },
    );
  }
}
