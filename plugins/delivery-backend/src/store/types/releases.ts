import {
  DefinitionModel,
  DefinitionProblem,
  Digest,
  Page,
  Release,
  ServiceRef,
} from '@slipway/backstage-plugin-delivery-common';
import { StoreTx, PageOptions } from './ground';
import { Lease } from './work';

export interface ReleaseRow extends Release {
  /** Stage outputs needed to go on after a crash; never secrets. */
  checkpoint: Record<string, unknown>;
  definition?: DefinitionModel;
  definitionProblems: DefinitionProblem[];
  /** Blob of the deploy bundle, findings and SBOM. */
  bundleBlob?: Digest;
  findingsBlob?: Digest;
  sbomBlobs?: Record<string, Digest>;
  idempotencyKey?: string;
}

export interface ReleasesStore {
  /** Idempotent by key: the existing one is returned. Also queues the work item. */
  create(row: ReleaseRow, tx?: StoreTx): Promise<ReleaseRow>;
  get(id: string, tx?: StoreTx): Promise<ReleaseRow | undefined>;
  /** Writes state under the lease, raises rowVersion, writes the feed. */
  save(lease: Lease, row: ReleaseRow, tx?: StoreTx): Promise<ReleaseRow>;
  list(options: PageOptions & { service?: ServiceRef }): Promise<Page<Release>>;
  latestForCommits(
    service: ServiceRef,
    shas: string[],
  ): Promise<Map<string, Release>>;
  /** A Build with the same inputs, if its image is known. */
  findBuild(
    inputsHash: string,
  ): Promise<{ images: Release['images'] } | undefined>;
  saveBuild(inputsHash: string, images: Release['images']): Promise<void>;
  appendLog(
    id: string,
    stage: string,
    lines: Array<{ atMs: number; text: string }>,
  ): Promise<void>;
  readLog(
    id: string,
    stage: string,
    after: number,
    limit: number,
  ): Promise<Array<{ seq: number; atMs: number; text: string }>>;
}
