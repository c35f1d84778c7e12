import { ConflictError, InputError } from '@backstage/errors';
import { MANIFEST_MAX_BYTES } from './manifest';
import { isTag } from './reference';
import { nextPage, pullScope, readBody } from './registryAnswers';
import { RegistryHttp } from './registryHttp';
import { FetchedManifest, headManifest } from './registryManifests';
import { putManifest } from './registryPut';
import { repositoryUrl } from './registryUrls';

const MAX_TAG_PAGES = 1000;

export async function tagManifest(
  http: RegistryHttp,
  repository: string,
  tag: string,
  manifest: FetchedManifest,
  signal?: AbortSignal,
): Promise<void> {
  if (!isTag(tag)) {
    throw new InputError(`"${tag.slice(0, 160)}" is not a valid image tag`);
  }
  const conflict = (found: string) =>
    new ConflictError(
      `Tag ${repository}:${tag} names ${found} and is not moved to ${manifest.digest}; release under another version`,
    );
  const before = await headManifest(http, repository, tag, signal);
  if (before && before.digest !== manifest.digest) {
    throw conflict(before.digest);
  }
  if (!before) {
    await putManifest(
      http,
      repository,
      tag,
      manifest.bytes,
      manifest.mediaType,
      signal,
    );
  }
  const after = await headManifest(http, repository, tag, signal);
  if (after?.digest !== manifest.digest) {
    throw conflict(after?.digest ?? 'nothing');
  }
}

export async function listTags(
  http: RegistryHttp,
  repository: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const tags: string[] = [];
  let url: URL | undefined = repositoryUrl(http, repository, 'tags/list');
  for (let page = 0; url && page < MAX_TAG_PAGES; page += 1) {
    const response: Response = await http.send({
      method: 'GET',
      url,
      scope: pullScope(repository),
      accept: [200, 404],
      signal,
    });
    if (response.status === 404) {
      await response.body?.cancel();
      return tags;
    }
    const body: { tags?: unknown } = JSON.parse(
      (
        await readBody(response, MANIFEST_MAX_BYTES, `Tags of ${repository}`)
      ).toString('utf8'),
    );
    if (Array.isArray(body.tags)) {
      tags.push(...body.tags.filter(tag => typeof tag === 'string'));
    }
    url = nextPage(response, url);
  }
  return tags;
}
