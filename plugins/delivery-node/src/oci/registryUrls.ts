import { InputError } from '@backstage/errors';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { parseDigest } from './digest';
import { isRepositoryName, isTag } from './reference';
import { RegistryHttp } from './registryHttp';

/*
 * Addresses of the distribution API. Names are checked here, so that none of
 * them can leave the place where it is put.
 */

/** Errors: `InputError`. */
export function checkedRepository(repository: string): string {
  if (!isRepositoryName(repository)) {
    throw new InputError(
      `"${repository.slice(0, 300)}" is not a valid repository name`,
    );
  }
  return repository;
}

export function repositoryUrl(
  http: RegistryHttp,
  repository: string,
  rest: string,
): URL {
  return new URL(`/v2/${checkedRepository(repository)}/${rest}`, http.base);
}

/** `reference` is a tag or a digest. */
export function manifestUrl(
  http: RegistryHttp,
  repository: string,
  reference: string,
): URL {
  if (!isTag(reference)) {
    parseDigest(reference);
  }
  return repositoryUrl(http, repository, `manifests/${reference}`);
}

export function blobUrl(
  http: RegistryHttp,
  repository: string,
  digest: Digest,
): URL {
  parseDigest(digest);
  return repositoryUrl(http, repository, `blobs/${digest}`);
}

export function uploadsUrl(http: RegistryHttp, repository: string): URL {
  return repositoryUrl(http, repository, 'blobs/uploads/');
}
