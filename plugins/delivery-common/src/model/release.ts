import { Actor, Digest, ServiceRef } from './identity';
import { Severity } from './definition';
import { Reason } from './verdict';

/** @public */
export type StageName =
  | 'fetch'
  | 'definition'
  | 'build'
  | 'scan'
  | 'gate'
  | 'push'
  | 'attest';

/** @public */
export const STAGE_ORDER: readonly StageName[] = [
  'fetch',
  'definition',
  'build',
  'scan',
  'gate',
  'push',
  'attest',
];

/** @public */
export type StageStatus =
  | 'pending'
  | 'running'
  | 'done'
  /** The content is bad: only a new commit helps. */
  | 'failed'
  /** The gate said no, with the findings that did it. */
  | 'blocked'
  /** We could not do it; retried with back-off, then a person is asked. */
  | 'errored'
  | 'skipped'
  | 'cancelled';

/** @public */
export interface StageState {
  stage: StageName;
  status: StageStatus;
  attempt: number;
  startedAtMs?: number;
  finishedAtMs?: number;
  reason?: Reason;
  /** Facts to show: digest, cache hit, counts. Plain strings and numbers. */
  facts?: Record<string, string | number | boolean>;
}

/** @public */
export type ReleaseStatus =
  | 'queued'
  | 'running'
  | 'ready'
  | 'failed'
  | 'blocked'
  | 'errored'
  | 'cancelled';

/** @public */
export interface BuiltImage {
  /** The definition's image name. */
  name: string;
  repository: string;
  digest: Digest;
  mediaType: string;
  sizeBytes: number;
  /** `repository:tag@digest` once pushed. */
  reference?: string;
}

/** @public */
export interface CommitInfo {
  sha: string;
  message: string;
  author: string;
  committedAtMs: number;
}

/** @public */
export interface Release {
  id: string;
  service: ServiceRef;
  commit: CommitInfo;
  version: string;
  status: ReleaseStatus;
  stages: StageState[];
  images: BuiltImage[];
  findings?: FindingsSummary;
  reason?: Reason;
  createdBy: Actor;
  createdAtMs: number;
  finishedAtMs?: number;
  /** Row version, for expected-version checks. */
  rowVersion: number;
}

/** @public */
export interface FindingsSummary {
  counts: Record<Severity, number>;
  blocking: number;
  accepted: number;
  /** What the scanner could not judge; never counted as clean. */
  notCovered: string[];
  scanner: string;
  databaseUpdatedAtMs?: number;
}

/** @public */
export interface Finding {
  id: string;
  kind: 'vulnerability' | 'misconfiguration' | 'secret';
  package?: { name: string; version: string; purl?: string; path?: string };
  severity: Severity;
  title: string;
  fixedIn?: string[];
  url?: string;
  image: string;
  /** The gate's decision and the rule that made it. */
  decision: 'blocking' | 'reported' | 'accepted';
  rule?: string;
}
