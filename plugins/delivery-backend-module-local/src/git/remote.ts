import fs from 'node:fs';
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError, NotAllowedError } from '@backstage/errors';
import git, {
  GitHttpRequest,
  GitHttpResponse,
  HttpClient,
} from 'isomorphic-git';
import { OpenRepository } from './repositories';

const MAX_REDIRECTS = 5;
/** What one fetch may bring over the network. */
const MAX_RESPONSE_BYTES = 2 * 1024 ** 3;

async function collect(
  body: AsyncIterableIterator<Uint8Array> | undefined,
): Promise<Buffer | undefined> {
  if (!body) {
    return undefined;
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function* bounded(response: Response): AsyncIterableIterator<Uint8Array> {
  let size = 0;
  if (response.body) {
    for await (const chunk of response.body) {
      size += chunk.byteLength;
      if (size > MAX_RESPONSE_BYTES) {
        throw new InputError(
          `The repository sends more than ${MAX_RESPONSE_BYTES} bytes, which is the limit`,
        );
      }
      yield chunk;
    }
  }
}

/**
 * Checks a repository's address.
 *
 * Errors: `InputError` for another protocol or credentials in the address,
 * `NotAllowedError` for a host that the platform does not allow.
 */
export function checkRemote(
  repository: string,
  allowedHosts: readonly string[],
): URL {
  if (!URL.canParse(repository)) {
    throw new InputError(
      `"${repository.slice(
        0,
        200,
      )}" is not the address of a git repository; expected http(s)://, file:// or an absolute path`,
    );
  }
  const url = new URL(repository);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new InputError(
      `Repositories are fetched by http, https or from this machine, not by "${url.protocol}"`,
    );
  }
  if (url.username || url.password) {
    throw new InputError(
      `The address of the repository on ${url.host} has credentials in it; they do not belong there`,
    );
  }
  if (!allowedHosts.includes(url.host)) {
    throw new NotAllowedError(
      `Repositories on ${url.host} are not allowed; the platform can add it to delivery.local.git.hosts`,
    );
  }
  return url;
}

/** Git's HTTP on `fetch`: every hop of a redirect must be an allowed host. */
function createHttpClient(
  allowedHosts: readonly string[],
  signal: AbortSignal,
): HttpClient {
  return {
    async request(request: GitHttpRequest): Promise<GitHttpResponse> {
      let url = checkRemote(request.url, allowedHosts);
      const origin = url.origin;
      const body = await collect(request.body);
      for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
        const headers = new Headers(request.headers);
        if (url.origin !== origin) {
          headers.delete('authorization');
        }
        const response = await fetch(url, {
          method: request.method ?? 'GET',
          headers,
          body: body && new Uint8Array(body),
          redirect: 'manual',
          signal,
        });
        const location = response.headers.get('location');
        if (![301, 302, 307, 308].includes(response.status) || !location) {
          return {
            url: url.href,
            statusCode: response.status,
            statusMessage: response.statusText,
            headers: Object.fromEntries(response.headers),
            body: bounded(response),
          };
        }
        await response.body?.cancel();
        url = checkRemote(new URL(location, url).href, allowedHosts);
      }
      throw new InputError(
        `The repository on ${url.host} redirects more than ${MAX_REDIRECTS} times`,
      );
    },
  };
}

/**
 * Brings a remote repository's branches and tags into a bare copy below
 * `directory`, and opens that.
 */
export async function mirrorRemote(
  repository: string,
  options: {
    directory: string;
    allowedHosts: readonly string[];
    signal: AbortSignal;
  },
): Promise<OpenRepository> {
  const url = checkRemote(repository, options.allowedHosts);
  const key = createHash('sha256').update(url.href).digest('hex').slice(0, 32);
  const gitdir = join(options.directory, `${key}.git`);
  await mkdir(gitdir, { recursive: true });
  await git.init({ fs, gitdir, bare: true, defaultBranch: 'main' });
  await git.addRemote({
    fs,
    gitdir,
    remote: 'origin',
    url: url.href,
    force: true,
  });
  const http = createHttpClient(options.allowedHosts, options.signal);
  const result = await git.fetch({
    fs,
    http,
    gitdir,
    url: url.href,
    remote: 'origin',
    singleBranch: false,
    tags: true,
    prune: true,
    pruneTags: true,
  });
  if (result.defaultBranch) {
    const target = result.defaultBranch.replace(
      /^refs\/heads\//,
      'refs/remotes/origin/',
    );
    await git.writeRef({
      fs,
      gitdir,
      ref: 'HEAD',
      value: target,
      symbolic: true,
      force: true,
    });
  }
  return { gitdir, name: url.href, cache: {} };
}
