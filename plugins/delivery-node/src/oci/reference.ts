import { InputError } from '@backstage/errors';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { isDigest } from './digest';

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const HOST =
  /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]{1,5})?$/;
const REPOSITORY_MAX_LENGTH = 255;

/** The parts of `host/repository:tag@digest`. @public */
export interface ImageReference {
  /** Absent when the text has none; no host is ever invented. */
  host?: string;
  repository: string;
  tag?: string;
  digest?: Digest;
}

/** Repository names as the distribution specification defines them. @public */
export function isRepositoryName(text: string): boolean {
  return text.length <= REPOSITORY_MAX_LENGTH && REPOSITORY.test(text);
}

/** Tags as the distribution specification defines them. @public */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

function looksLikeHost(segment: string): boolean {
  return (
    segment === 'localhost' || segment.includes('.') || segment.includes(':')
  );
}

/**
 * Reads `[host/]repository[:tag][@digest]`.
 *
 * The first segment is a host when it has a dot or a colon or is `localhost`,
 * as every client of registries reads it.
 *
 * Errors: `InputError`, naming the part that is wrong.
 *
 * @public
 */
export function parseReference(text: string): ImageReference {
  const fail = (what: string) =>
    new InputError(
      `Invalid image reference "${text.slice(
        0,
        300,
      )}": ${what}; expected [host/]repository[:tag][@sha256:...]`,
    );
  let rest = text;
  let digest: Digest | undefined;
  const at = rest.indexOf('@');
  if (at >= 0) {
    digest = rest.slice(at + 1);
    rest = rest.slice(0, at);
    if (!isDigest(digest)) {
      throw fail(`"${digest.slice(0, 160)}" is not a digest`);
    }
  }
  let host: string | undefined;
  const slash = rest.indexOf('/');
  if (slash >= 0 && looksLikeHost(rest.slice(0, slash))) {
    host = rest.slice(0, slash);
    rest = rest.slice(slash + 1);
    if (!HOST.test(host)) {
      throw fail(`"${host}" is not a host`);
    }
  }
  let tag: string | undefined;
  const colon = rest.lastIndexOf(':');
  if (colon >= 0) {
    tag = rest.slice(colon + 1);
    rest = rest.slice(0, colon);
    if (!isTag(tag)) {
      throw fail(`"${tag.slice(0, 160)}" is not a tag`);
    }
  }
  if (!isRepositoryName(rest)) {
    throw fail(`"${rest}" is not a repository name`);
  }
  return { host, repository: rest, tag, digest };
}

/** The inverse of {@link parseReference}. @public */
export function formatReference(reference: ImageReference): string {
  const host = reference.host ? `${reference.host}/` : '';
  const tag = reference.tag ? `:${reference.tag}` : '';
  const digest = reference.digest ? `@${reference.digest}` : '';
  return `${host}${reference.repository}${tag}${digest}`;
}
