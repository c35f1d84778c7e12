import {
  BuildModel,
  CommitInfo,
  Digest,
  Finding,
  ServiceRef,
} from '@slipway/backstage-plugin-delivery-common';

/** Lines of a stage's log; secrets are redacted by the receiver. @public */
export type StageLog = (line: string) => void;

/** A folder that is thrown away after use. Never outside `root`. @public */
export interface Workspace {
  root: string;
  commit: CommitInfo;
  /** `git describe`-like: the nearest tag, or undefined without any. */
  describe?: { tag: string; distance: number };
}

/** Where a service's source lies. @public */
export interface SourceLocation {
  service: ServiceRef;
  /** The repository's URL, or an absolute path where the fetcher allows it. */
  repository: string;
  defaultBranch?: string;
}

/**
 * A commit to a bounded workspace.
 *
 * Errors: `InputError` when the reference names nothing or is not a valid
 * reference; any other error is technical and may be tried again.
 *
 * @public
 */
export interface SourceFetcher {
  readonly id: string;
  /** Whether this fetcher is the one for the repository. */
  handles(repository: string): boolean;
  /** A branch, tag or (abbreviated) SHA to the commit it names now. */
  resolve(
    source: SourceLocation,
    ref: string,
    signal: AbortSignal,
  ): Promise<CommitInfo>;
  /** Newest first. */
  log(
    source: SourceLocation,
    options: { ref?: string; limit: number },
    signal: AbortSignal,
  ): Promise<CommitInfo[]>;
  /** Writes the tree of exactly this commit below `directory` (which is empty). */
  fetch(
    source: SourceLocation,
    sha: string,
    directory: string,
    options: { log: StageLog; signal: AbortSignal; limits: FetchLimits },
  ): Promise<Workspace>;
  /** One file of a commit without a workspace. `undefined`: no such file. */
  readFile(
    source: SourceLocation,
    sha: string,
    path: string,
    signal: AbortSignal,
  ): Promise<Buffer | undefined>;
}

/** @public */
export interface FetchLimits {
  maxBytes: number;
  maxFiles: number;
}

/** @public */
export interface BuildRequest {
  service: ServiceRef;
  image: string;
  workspace: Workspace;
  build: BuildModel;
  /** Base images are resolved and pulled here. */
  registry: RegistryAccess;
  /** Where the OCI layout is written; the folder exists and is empty. */
  layout: string;
  /** Labels and annotations: `org.opencontainers.image.*`. */
  annotations: Record<string, string>;
  /** SOURCE_DATE_EPOCH, seconds. */
  sourceDateEpoch: number;
  log: StageLog;
  signal: AbortSignal;
}

/** @public */
export interface BuildResult {
  /** Of the manifest (or index) in the layout that is deployed. */
  digest: Digest;
  mediaType: string;
  sizeBytes: number;
  /** Everything that went in, for finding the Build again and for provenance. */
  inputs: Record<string, string>;
  builder: { id: string; version: string };
}

/** @public */
export interface ImageBuilder {
  readonly id: string;
  /** Builders are asked in descending order. Default: 0. */
  readonly priority?: number;
  /** The reason why it cannot build this, or undefined when it can. */
  refuses(build: BuildModel, workspace: Workspace): Promise<string | undefined>;
  build(request: BuildRequest): Promise<BuildResult>;
  /**
   * What the builder brings into a build besides the context, the Dockerfile
   * and the definition's `build`: its version, and each base image by the
   * digest that it resolves to now. Cheap; nothing is pulled. A builder without
   * it, or an answer of `undefined`, has no Build found again.
   */
  fingerprint?(
    request: Pick<BuildRequest, 'build' | 'workspace' | 'registry' | 'signal'>,
  ): Promise<Record<string, string> | undefined>;
}

/** @public */
export interface ScanRequest {
  layout: string;
  digest: Digest;
  image: string;
  log: StageLog;
  signal: AbortSignal;
}

/** @public */
export interface ScanResult {
  scanner: { id: string; version: string };
  databaseUpdatedAtMs?: number;
  /** Without the gate's decision. */
  findings: Array<Omit<Finding, 'decision' | 'rule' | 'image'>>;
  /** "operating system packages (no supported package database found)" */
  notCovered: string[];
  /** CycloneDX JSON. */
  sbom: Buffer;
}

/** @public */
export interface ImageScanner {
  readonly id: string;
  scan(request: ScanRequest): Promise<ScanResult>;
}

/** How to reach one registry. Credentials never leave the process. @public */
export interface RegistryAccess {
  /** `http://127.0.0.1:7878` */
  url: string;
  /** What references carry in front of the repository: `127.0.0.1:7878`. */
  host: string;
  credentials?: () => Promise<
    { username: string; password: string } | undefined
  >;
}
