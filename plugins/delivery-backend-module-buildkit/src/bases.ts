import {
  createRegistryClient,
  parseReference,
  RegistryAccess,
} from '@slipway/backstage-plugin-delivery-node';

/** An image of a Dockerfile, as BuildKit names it and as it lies in the platform's registry. */
export interface PinnedBase {
  /** `docker.io/library/node:22` */
  identifier: string;
  /** `registry.example.com/library/node:22@sha256:...` */
  pinned: string;
  digest: string;
}

/**
 * What the images of a Dockerfile are right now in the platform's registry.
 * Names without a host are looked for there; names of other hosts, and names
 * that it does not have, are left out: whether BuildKit may get them is the
 * source policy's business.
 */
export async function pinBases(
  images: string[],
  registry: RegistryAccess,
  signal: AbortSignal,
): Promise<{ pinned: PinnedBase[]; elsewhere: string[] }> {
  const client = createRegistryClient(registry);
  const pinned: PinnedBase[] = [];
  const elsewhere: string[] = [];
  for (const image of images) {
    const parsed = parseReference(image);
    const repository = parsed.repository.includes('/')
      ? parsed.repository
      : `library/${parsed.repository}`;
    const tag = parsed.tag ?? (parsed.digest ? undefined : 'latest');
    const isOurs = parsed.host === undefined || parsed.host === registry.host;
    const found = isOurs
      ? await client.headManifest(
          repository,
          parsed.digest ?? tag ?? 'latest',
          signal,
        )
      : undefined;
    if (!found) {
      elsewhere.push(image);
      continue;
    }
    // Without a host BuildKit means Docker Hub, and says so in full.
    const name = `${parsed.host ?? 'docker.io'}/${
      parsed.host ? parsed.repository : repository
    }${tag ? `:${tag}` : ''}`;
    pinned.push({
      identifier: parsed.digest ? `${name}@${parsed.digest}` : name,
      pinned: `${registry.host}/${repository}${tag ? `:${tag}` : ''}@${
        found.digest
      }`,
      digest: found.digest,
    });
  }
  return { pinned, elsewhere };
}
