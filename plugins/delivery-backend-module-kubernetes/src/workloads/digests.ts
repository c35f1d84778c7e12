import {
  Digest,
  HealthCause,
  InstanceState,
} from '@slipway/backstage-plugin-delivery-common';
import { ownersOf } from '../apply';
import { Pod, PodOwner, timeMs } from '../health';
import { FIELD_MANAGER, IMAGES_ANNOTATION } from '../names';

/** Images that are told apart, remembered: what a digest names never changes. */
const MAX_REMEMBERED = 500;
/** A registry that did not answer is asked again after this. */
const ASK_AGAIN_MS = 60_000;

/**
 * The digests of an index' images, one for each platform; none for a plain
 * image, `undefined` where that cannot be known.
 */
export type PlatformDigests = (
  reference: string,
  signal: AbortSignal,
) => Promise<Digest[] | undefined>;

/** Holds what a pod really runs against what was to run there. */
export interface DigestCheck {
  /**
   * The instance with its digests as the record names them: a runtime may name
   * the image of its own platform where the record names the index over all of
   * them. What is none of both stays as it is and becomes the cause
   * `image-mismatch`, with who did it.
   */
  check(
    instance: InstanceState,
    objects: { pod: Pod; deployment: PodOwner },
    signal: AbortSignal,
  ): Promise<InstanceState>;
}

export function createDigestCheck(
  platformDigests: PlatformDigests = async () => undefined,
): DigestCheck {
  const known = new Map<string, Digest[]>();
  const failedAtMs = new Map<string, number>();

  async function platformsOf(
    reference: string,
    signal: AbortSignal,
  ): Promise<Digest[] | undefined> {
    const before = known.get(reference);
    if (before) {
      return before;
    }
    if (Date.now() - (failedAtMs.get(reference) ?? 0) < ASK_AGAIN_MS) {
      return undefined;
    }
    try {
      const found = await platformDigests(reference, signal);
      if (found) {
        remember(known, reference, found);
      }
      return found;
    } catch {
      signal.throwIfAborted();
      // The look at what runs must not fail with the registry.
      remember(failedAtMs, reference, Date.now());
      return undefined;
    }
  }

  return {
    async check(instance, { pod, deployment }, signal) {
      const expected = expectedImages(pod);
      const digests = { ...instance.digests };
      let cause: HealthCause | undefined;
      for (const [image, digest] of Object.entries(digests)) {
        const reference = expected.get(image);
        const wanted = reference?.slice(reference.lastIndexOf('@') + 1);
        if (reference && wanted && wanted !== digest) {
          const platforms = await platformsOf(reference, signal);
          if (platforms?.includes(digest)) {
            digests[image] = wanted;
          } else if (platforms) {
            cause ??= mismatch({ image, wanted, digest, pod, deployment });
          }
        }
      }
      return {
        ...instance,
        ...(instance.digests && { digests }),
        ...(!instance.cause && cause && { cause }),
      };
    },
  };
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > MAX_REMEMBERED && !oldest.done) {
    map.delete(oldest.value);
  }
}

/** Image name of the definition to the reference that its container should run. */
function expectedImages(pod: Pod): Map<string, string> {
  const text = pod.metadata.annotations?.[IMAGES_ANNOTATION] ?? '{}';
  const expected = new Map<string, string>();
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) {
      return expected;
    }
    throw error;
  }
  const entries: unknown[] = Object.values(
    typeof content === 'object' && content !== null ? content : {},
  );
  for (const entry of entries) {
    const [image, reference]: unknown[] = Array.isArray(entry) ? entry : [];
    if (typeof image === 'string' && typeof reference === 'string') {
      expected.set(image, reference);
    }
  }
  return expected;
}

function mismatch(found: {
  image: string;
  wanted: Digest;
  digest: Digest;
  pod: Pod;
  deployment: PodOwner;
}): HealthCause {
  const { image, wanted, digest, pod, deployment } = found;
  const others = ownersOf(deployment.metadata.managedFields, [
    'spec',
    'template',
    'spec',
    'containers',
  ]).filter(({ manager }) => manager !== FIELD_MANAGER);
  const by = others.map(
    ({ manager, atMs }) => `"${manager}" at ${new Date(atMs).toISOString()}`,
  );
  return {
    code: 'image-mismatch',
    summary: `${pod.metadata.name} runs another image for "${image}" than was deployed`,
    evidence: `It runs ${digest}; the record says ${wanted}. ${
      by.length > 0
        ? `The Deployment's containers were changed by ${by.join(', ')}`
        : 'The Deployment is as it was written: an admission webhook has changed the pod, or it was made by hand'
    }`,
    action:
      by.length > 0
        ? 'Take over to write the image of the record again, or deploy what runs'
        : 'Find out which webhook rewrites images, and have it leave digests alone',
    sinceMs: timeMs(pod.metadata.creationTimestamp) ?? Date.now(),
  };
}
