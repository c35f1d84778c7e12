import { lookup as lookupWithCallback } from 'node:dns';
import { BlockList, LookupFunction, isIP, isIPv6 } from 'node:net';
import { InputError, NotAllowedError } from '@backstage/errors';

/*
 * Whoever may write to the catalog must not be able to make the backend talk to
 * what only the backend can reach. A host name is looked at when it is
 * connected to, not once before: what it resolves to can change in between.
 */

/** Not for the public: RFC 6890 and its updates. */
const NOT_PUBLIC = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  NOT_PUBLIC.addSubnet(network, prefix, 'ipv4');
}
/** Of IPv6, only what is given out as global unicast can be public. */
const GLOBAL_UNICAST = new BlockList();
GLOBAL_UNICAST.addSubnet('2000::', 3, 'ipv6');
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  // Carries an IPv4 address, which could be any.
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  NOT_PUBLIC.addSubnet(network, prefix, 'ipv6');
}

export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !NOT_PUBLIC.check(address, 'ipv4');
    case 6:
      return (
        GLOBAL_UNICAST.check(address, 'ipv6') &&
        !NOT_PUBLIC.check(address, 'ipv6')
      );
    default:
      return false;
  }
}

/** `*.example.com` is every host below it, and not `example.com` itself. */
export function hostMatches(host: string, pattern: string): boolean {
  const [a, b] = [host.toLowerCase(), pattern.toLowerCase()];
  return b.startsWith('*.') ? a.endsWith(b.slice(1)) : a === b;
}

/**
 * The address of an API server, as somebody wrote it.
 *
 * Errors: `InputError`, naming `where`.
 */
export function parseServerUrl(text: string, where: string): URL {
  if (!URL.canParse(text)) {
    throw new InputError(
      `${where}: expected the address of an API server, such as https://10.0.0.1:6443; found "${text.slice(
        0,
        200,
      )}"`,
    );
  }
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new InputError(
      `${where}: expected https:// or http://, found ${url.protocol}//`,
    );
  }
  if (url.username || url.password) {
    throw new InputError(
      `${where}: the address holds credentials; give them by authProvider`,
    );
  }
  if (url.search || url.hash) {
    throw new InputError(
      `${where}: expected an address without "?" and "#", found "${url.search}${url.hash}"`,
    );
  }
  return url;
}

/** The host as a name or an address, without the brackets of IPv6. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
}

/**
 * An address from the catalog: HTTPS, and not an address that is not public.
 * A name is looked at when it is connected to ({@link publicLookup}).
 *
 * Errors: `InputError`, `NotAllowedError`.
 */
export function parseUntrustedServerUrl(text: string, where: string): URL {
  const url = parseServerUrl(text, where);
  if (url.protocol !== 'https:') {
    throw new NotAllowedError(
      `${where}: an API server from the catalog has to be reached by https://; the platform can allow another one by its host in dangerouslyAllowClusterUrls of the locator method "catalog"`,
    );
  }
  const host = hostOf(url);
  if (isIP(host) && !isPublicAddress(host)) {
    throw notPublic(where, host);
  }
  return url;
}

function notPublic(where: string, address: string): NotAllowedError {
  return new NotAllowedError(
    `${where}: ${address} is no public address; the platform can allow it by its host in dangerouslyAllowClusterUrls of the locator method "catalog"`,
  );
}

/** Resolves a name, and fails when any of its addresses is not public. */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookupWithCallback(hostname, { ...options, all: true }, (error, found) => {
    if (error) {
      callback(error, []);
      return;
    }
    const refused = found.find(({ address }) => !isPublicAddress(address));
    if (refused) {
      callback(notPublic(`The host ${hostname}`, refused.address), []);
    } else if (options.all) {
      callback(null, found);
    } else {
      const [{ address }] = found;
      callback(null, address, isIPv6(address) ? 6 : 4);
    }
  });
};
