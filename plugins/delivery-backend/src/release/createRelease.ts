import { randomUUID } from 'node:crypto';
import { InputError, NotFoundError } from '@backstage/errors';
import {
  CommitInfo,
  ServiceRef,
} from '@slipway/backstage-plugin-delivery-common';
import { SourceFetcher } from '@slipway/backstage-plugin-delivery-node';
import { ReleaseRow, ServiceRow } from '../store';
import { ReleaseCheckpoint } from './checkpoint';
import { pendingStages } from './progress';
import { CreateReleaseRequest, ReleaseRunnerOptions } from './types';
import { versionOf } from './version';

const RESOLVE_LIMIT_MS = 30_000;
const MAX_COMMITS = 200;

/** Git's own rules are the fetcher's; this is what no reference ever is. */
function checkReference(ref: string): string {
  if (
    ref.length === 0 ||
    ref.length > 250 ||
    ref.startsWith('-') ||
    /[\s~^:?*[\\]|\p{Cc}|\.\.|@\{/u.test(ref)
  ) {
    throw new InputError(
      `"${ref.slice(
        0,
        120,
      )}" is not a commit: expected a branch, a tag or a commit's SHA`,
    );
  }
  return ref;
}

export function fetcherFor(
  fetchers: SourceFetcher[],
  repository: string,
): SourceFetcher {
  const fetcher = fetchers.find(candidate => candidate.handles(repository));
  if (!fetcher) {
    throw new InputError(
      `No source fetcher takes care of the repository "${repository}"; there is ${
        fetchers.map(({ id }) => id).join(', ') || 'none'
      }`,
    );
  }
  return fetcher;
}

/** How releases come to be, and what there is to make them from. */
export function createReleaseSource(
  options: Pick<ReleaseRunnerOptions, 'store' | 'fetchers'> & {
    nowMs: () => number;
  },
) {
  const { store, fetchers, nowMs } = options;

  async function serviceOf(ref: ServiceRef): Promise<ServiceRow> {
    const service = await store.services.get(ref);
    if (!service) {
      throw new NotFoundError(
        `No service "${ref}": expected a catalog component with the annotation slipway.dev/definition`,
      );
    }
    return service;
  }

  function sourceOf({ ref, repository, defaultBranch }: ServiceRow) {
    return { service: ref, repository, defaultBranch };
  }

  return {
    async createRelease(request: CreateReleaseRequest): Promise<ReleaseRow> {
      const ref = checkReference(request.commit);
      const service = await serviceOf(request.service);
      const { repository, definitionPath, defaultBranch, name } = service;
      const commit = await fetcherFor(fetchers, repository).resolve(
        sourceOf(service),
        ref,
        AbortSignal.timeout(RESOLVE_LIMIT_MS),
      );
      const checkpoint: ReleaseCheckpoint = {
        source: {
          repository,
          definitionPath,
          name,
          ...(defaultBranch && { defaultBranch }),
        },
        attempt: 1,
      };
      return store.releases.create({
        id: randomUUID(),
        service: request.service,
        commit,
        version: versionOf(commit.sha),
        status: 'queued',
        stages: pendingStages(),
        images: [],
        createdBy: request.actor,
        createdAtMs: nowMs(),
        rowVersion: 0,
        checkpoint: { ...checkpoint },
        definitionProblems: [],
        idempotencyKey: request.idempotencyKey,
      });
    },

    async commits(
      ref: ServiceRef,
      { ref: from, limit }: { ref?: string; limit: number },
    ): Promise<CommitInfo[]> {
      const service = await serviceOf(ref);
      return fetcherFor(fetchers, service.repository).log(
        sourceOf(service),
        {
          ...(from !== undefined && { ref: checkReference(from) }),
          limit: Math.max(1, Math.min(MAX_COMMITS, Math.floor(limit))),
        },
        AbortSignal.timeout(RESOLVE_LIMIT_MS),
      );
    },
  };
}
