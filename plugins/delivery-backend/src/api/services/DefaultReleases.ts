import { randomUUID } from 'node:crypto';
import { InputError, NotFoundError } from '@backstage/errors';
import {
  CommandAnswer,
  Finding,
  LogChunk,
  Page,
  Release,
  ReleaseDetail,
  ReleaseVerb,
  STAGE_ORDER,
  ServiceRef,
  StageStatus,
  deliveryServiceReadPermission,
  deliveryTargetReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import type { ReleaseRow } from '../../store';
import { loadServiceResource } from '../auth';
import { releaseVerbs } from '../views';
import { runCommand } from './commandAnswers';
import { ServiceDependencies } from './dependencies';
import { parseFindings } from './findingsBlob';
import { pollUntil } from './pollUntil';
import {
  Context,
  LogQuery,
  PageQuery,
  ReleasesService,
  VerbOptions,
} from './types';

/** Making releases and looking at them. */
export class DefaultReleases implements ReleasesService {
  readonly #deps: ServiceDependencies;

  constructor(deps: ServiceDependencies) {
    this.#deps = deps;
  }

  async create(
    context: Context,
    service: ServiceRef,
    request: { commit: string; reason?: string; idempotencyKey?: string },
  ): Promise<Release> {
    const release = await this.#deps.releases.createRelease({
      service,
      commit: request.commit,
      actor: context.caller.actor,
      idempotencyKey: request.idempotencyKey ?? randomUUID(),
    });
    this.#deps.deployments.wake();
    return toRelease(release);
  }

  async list(
    context: Context,
    query: PageQuery & { service?: ServiceRef },
  ): Promise<Page<Release>> {
    const page = await this.#deps.store.releases.list({
      ...query,
      filter: context.grants.filter(deliveryServiceReadPermission),
    });
    return { ...page, items: page.items.map(toRelease) };
  }

  async get(context: Context, id: string): Promise<ReleaseDetail> {
    const { store } = this.#deps;
    const row = await this.#release(id);
    const [deployments, resource] = await Promise.all([
      store.deployments.list({
        releaseId: id,
        limit: 50,
        filter: context.grants.filter(deliveryTargetReadPermission),
      }),
      loadServiceResource(store, row.service),
    ]);
    return {
      release: toRelease(row),
      definition: row.definition,
      definitionProblems: row.definitionProblems,
      deployments: deployments.items,
      verbs: releaseVerbs(row, permission =>
        context.grants.decide(permission, resource),
      ),
    };
  }

  async logs(
    _context: Context,
    id: string,
    query: LogQuery & { stage: string },
  ): Promise<LogChunk> {
    const { store } = this.#deps;
    const after = readOffset(query.after);
    await this.#release(id);
    const read = async () => {
      // The state is read first: lines written before the end are then seen.
      const state = await this.#release(id);
      const rows = await store.releases.readLog(
        id,
        query.stage,
        after,
        query.limit,
      );
      return { rows, ended: stageEnded(state, query.stage) };
    };
    const { rows, ended } = await pollUntil(
      read,
      answer => answer.rows.length > 0 || answer.ended,
      query,
    );
    return {
      lines: rows.map(({ atMs, text }) => ({ atMs, text })),
      nextOffset: String(rows[rows.length - 1]?.seq ?? after),
      ended: ended && rows.length < query.limit,
    };
  }

  async findings(
    _context: Context,
    id: string,
  ): Promise<{ findings: Finding[]; notCovered: string[] }> {
    const row = await this.#release(id);
    if (!row.findingsBlob) {
      throw new NotFoundError(
        `Release ${id} has no findings: its scan has not finished (release is ${row.status})`,
      );
    }
    const bytes = await this.#deps.store.blobs.get(row.findingsBlob);
    if (!bytes) {
      throw new NotFoundError(
        `The findings of release ${id} are no longer kept (blob ${row.findingsBlob})`,
      );
    }
    return parseFindings(bytes, row);
  }

  async sbom(_context: Context, id: string, image?: string): Promise<Buffer> {
    const row = await this.#release(id);
    const images = Object.keys(row.sbomBlobs ?? {});
    const name = image ?? images[0];
    const digest = name === undefined ? undefined : row.sbomBlobs?.[name];
    const bytes = digest && (await this.#deps.store.blobs.get(digest));
    if (!bytes) {
      throw new NotFoundError(
        `Release ${id} has no SBOM${
          image ? ` of image "${image}"` : ''
        }; it has SBOMs of: ${images.join(', ') || 'none'}`,
      );
    }
    return bytes;
  }

  async command(
    context: Context,
    id: string,
    verb: ReleaseVerb,
    options: VerbOptions,
  ): Promise<CommandAnswer> {
    await this.#release(id);
    return runCommand(
      this.#deps.store,
      context,
      {
        kind: 'release',
        id,
        verb,
        wake: () => this.#deps.deployments.wake(),
      },
      { ...options, nowMs: this.#deps.clock() },
    );
  }

  async #release(id: string): Promise<ReleaseRow> {
    const row = await this.#deps.store.releases.get(id);
    if (!row) {
      throw new NotFoundError(`No release with the id "${id}"`);
    }
    return row;
  }
}

/** Without the checkpoint and the names of blobs. */
function toRelease(row: Release): Release {
  const {
    id,
    service,
    commit,
    version,
    status,
    stages,
    images,
    findings,
    reason,
    createdBy,
    createdAtMs,
    finishedAtMs,
    rowVersion,
  } = row;
  return {
    id,
    service,
    commit,
    version,
    status,
    stages,
    images,
    findings,
    reason,
    createdBy,
    createdAtMs,
    finishedAtMs,
    rowVersion,
  };
}

function readOffset(after: string | undefined): number {
  if (after === undefined) {
    return 0;
  }
  if (!/^\d{1,15}$/.test(after)) {
    throw new InputError(
      `Invalid "after": expected the nextOffset of an earlier answer, found "${after}"`,
    );
  }
  return Number(after);
}

const LASTING: readonly StageStatus[] = [
  'done',
  'failed',
  'blocked',
  'skipped',
  'cancelled',
];

/** Nothing more is written: the stage is over, or the release is. */
function stageEnded(row: ReleaseRow, stage: string): boolean {
  if (!['queued', 'running', 'errored'].includes(row.status)) {
    return true;
  }
  if (!STAGE_ORDER.some(known => known === stage)) {
    throw new NotFoundError(
      `No stage "${stage}": expected one of ${STAGE_ORDER.join(', ')}`,
    );
  }
  const state = row.stages.find(candidate => candidate.stage === stage);
  return state !== undefined && LASTING.includes(state.status);
}
