import {
  Digest,
  HealthCause,
  InstanceState,
} from '@slipway/backstage-plugin-delivery-common';
import { ownersOf } from '../apply';
import { Pod, PodOwner, timeMs } from '../health';
import { FIELD_MANAGER, IMAGES_ANNOTATION } from '../names';
import { readImages } from './images';

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
  /** The same from what is known already; asks nobody. */
  glance(
    instance: InstanceState,
    objects: { pod: Pod; deployment: PodOwner | undefined },
  ): InstanceState;
  /** Whether `glance` would know more after `learn`. */
  isNeeded(instance: InstanceState, pod: Pod): boolean;
  /** Asks the registry for what `glance` needs; never throws for what it does not answer. */
  learn(instance: InstanceState, pod: Pod, signal: AbortSignal): Promise<void>;
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
      } else {
        remember(failedAtMs, reference, Date.now());
      }
      return found;
    } catch {
      signal.throwIfAborted();
      // The look at what runs must not fail with the registry.
      remember(failedAtMs, reference, Date.now());
      return undefined;
    }
  }

  /** What is known of a reference now: `undefined`, it was not asked for yet. */
  function knownOf(reference: string): Digest[] | 'unknown' | undefined {
    const before = known.get(reference);
    if (before) {
      return before;
    }
    return Date.now() - (failedAtMs.get(reference) ?? 0) < ASK_AGAIN_MS
      ? 'unknown'
      : undefined;
  }

  /** References of which it has to be asked what belongs to them. */
  function doubtful(instance: InstanceState, pod: Pod): string[] {
    const expected = expectedImages(pod);
    return Object.entries(instance.digests ?? {}).flatMap(([image, digest]) => {
      const reference = expected.get(image);
      return reference && digestIn(reference) !== digest ? [reference] : [];
    });
  }

  function glance(
    instance: InstanceState,
    { pod, deployment }: { pod: Pod; deployment: PodOwner | undefined },
  ): InstanceState {
    const expected = expectedImages(pod);
    const digests = { ...instance.digests };
    let cause: HealthCause | undefined;
    for (const [image, digest] of Object.entries(digests)) {
      const reference = expected.get(image);
      const wanted = reference && digestIn(reference);
      const platforms = reference && knownOf(reference);
      if (!wanted || wanted === digest) {
        continue;
      }
      if (Array.isArray(platforms) && platforms.includes(digest)) {
        digests[image] = wanted;
      } else if (!Array.isArray(platforms) && asksFor(pod, image, wanted)) {
        // It may be the index' image of this platform, or anything else.
        delete digests[image];
      } else if (deployment && !pod.metadata.deletionTimestamp) {
        // One that is on its way out is told with what it runs, and accuses nobody.
        cause ??= mismatch({ image, wanted, digest, pod, deployment });
      }
    }
    return {
      ...instance,
      ...(instance.digests && {
        digests: Object.keys(digests).length > 0 ? digests : undefined,
      }),
      ...(!instance.cause && cause && { cause }),
    };
  }

  return {
    glance,
    isNeeded: (instance, pod) =>
      doubtful(instance, pod).some(
        reference => knownOf(reference) === undefined,
      ),
    async learn(instance, pod, signal) {
      for (const reference of doubtful(instance, pod)) {
        await platformsOf(reference, signal);
      }
    },
    async check(instance, objects, signal) {
      for (const reference of doubtful(instance, objects.pod)) {
        await platformsOf(reference, signal);
      }
      return glance(instance, objects);
    },
  };
}

/**
 * Whether the pod's own spec names what was deployed. Where it does not, it was
 * rewritten on its way in, and no registry has to be asked to know that.
 */
function asksFor(pod: Pod, image: string, wanted: Digest): boolean {
  const wantedImages = readImages(
    pod.metadata.annotations?.[IMAGES_ANNOTATION],
  );
  return (pod.spec?.containers ?? []).every(
    container =>
      container.image === undefined ||
      wantedImages.get(container.name)?.image !== image ||
      digestIn(container.image) === wanted,
  );
}

function digestIn(reference: string): string {
  return reference.slice(reference.lastIndexOf('@') + 1);
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
  const wanted = readImages(pod.metadata.annotations?.[IMAGES_ANNOTATION]);
  return new Map(
    [...wanted.values()].map(({ image, reference }) => [image, reference]),
  );
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
        : 'The Deployment is as it was written: a mutating admission has changed the pod, or it was made by hand'
    }`,
    action:
      by.length > 0
        ? 'Take over to write the image of the record again, or deploy what runs'
        : 'Find out which webhook or policy rewrites images, and have it leave digests alone',
    sinceMs: timeMs(pod.metadata.creationTimestamp) ?? Date.now(),
  };
}
