import {
  isDigest,
  isRepositoryName,
  isTag,
} from '@slipway/backstage-plugin-delivery-node';
import { RegistryError } from './errors';
import { isError } from '@backstage/errors';

/** What a path of the distribution specification asks about. */
export type RegistryRoute =
  | { kind: 'base' }
  | { kind: 'blob'; repository: string; digest: string }
  | { kind: 'uploads'; repository: string }
  | { kind: 'upload'; repository: string; id: string }
  | { kind: 'manifest'; repository: string; reference: string }
  | { kind: 'tags'; repository: string }
  | { kind: 'referrers'; repository: string; digest: string };

function checkDigest(digest: string): string {
  if (!isDigest(digest)) {
    throw new RegistryError(
      400,
      'DIGEST_INVALID',
      'Expected sha256: or sha512: and lowercase hex digits',
    );
  }
  return digest;
}

function checkReference(reference: string): string {
  if (reference.includes(':')) {
    return checkDigest(reference);
  }
  if (!isTag(reference)) {
    throw new RegistryError(
      400,
      'MANIFEST_INVALID',
      'Expected a tag of at most 128 letters, digits, dots, dashes and underscores, or a digest',
    );
  }
  return reference;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    throw new RegistryError(
      400,
      'NAME_INVALID',
      `The path is not valid: ${isError(error) ? error.message : error}`,
    );
  }
}

/**
 * Errors: `RegistryError` with the code for the part that is wrong; `undefined`
 * for a path that is not of the specification.
 */
export function parseRoute(pathname: string): RegistryRoute | undefined {
  const path = decode(pathname);
  if (path === '/v2' || path === '/v2/') {
    return { kind: 'base' };
  }
  const match =
    /^\/v2\/(.+)\/(?:(blobs\/uploads)\/?([^/]*)|(blobs|manifests|referrers)\/([^/]+)|(tags\/list))$/.exec(
      path,
    );
  if (!match) {
    return undefined;
  }
  const [, repository, uploads, id, kind, argument, tags] = match;
  if (!isRepositoryName(repository)) {
    throw new RegistryError(
      400,
      'NAME_INVALID',
      'Repository names are lowercase letters and digits with single separators, in parts joined by slashes, 255 at most',
    );
  }
  if (tags) {
    return { kind: 'tags', repository };
  }
  if (uploads) {
    return id
      ? { kind: 'upload', repository, id }
      : { kind: 'uploads', repository };
  }
  switch (kind) {
    case 'blobs':
      return { kind: 'blob', repository, digest: checkDigest(argument) };
    case 'referrers':
      return { kind: 'referrers', repository, digest: checkDigest(argument) };
    default:
      return {
        kind: 'manifest',
        repository,
        reference: checkReference(argument),
      };
  }
}
