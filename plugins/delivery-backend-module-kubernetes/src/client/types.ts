/** What every Kubernetes object has; the rest is read with care. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: KubeMetadata;
  [field: string]: unknown;
}

export interface KubeMetadata {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: Array<{
    apiVersion: string;
    kind: string;
    name: string;
    uid: string;
    controller?: boolean;
  }>;
  managedFields?: ManagedFieldsEntry[];
  [field: string]: unknown;
}

export interface ManagedFieldsEntry {
  manager?: string;
  operation?: 'Apply' | 'Update';
  apiVersion?: string;
  time?: string;
  subresource?: string;
  fieldsType?: 'FieldsV1';
  fieldsV1?: Record<string, unknown>;
}

/** Names one object. `namespace` is absent for cluster-scoped ones. */
export interface ObjectRef {
  apiVersion: string;
  kind: string;
  name: string;
  namespace?: string;
}

/** One kind as the API server serves it. */
export interface ResourceInfo {
  apiVersion: string;
  kind: string;
  plural: string;
  namespaced: boolean;
  verbs: string[];
}

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Page size; pages are followed to the end. Default 500. */
  limit?: number;
  /** Only `metadata` of each object (PartialObjectMetadata). */
  metadataOnly?: boolean;
  /**
   * What was the newest two seconds ago will do, as long as everything is in it
   * that this client has read, written or been told of; see `Freshness`. By
   * default only the newest that the store has will do, which costs 60 ms where
   * a kind is quiet.
   */
  recent?: boolean;
  /**
   * What is kept of each object of a list, page by page, so that long lists of
   * large objects need little memory; `undefined` leaves it out.
   */
  slim?: (object: KubeObject) => KubeObject | undefined;
}

export interface ObjectList {
  items: KubeObject[];
  /** From where a watch goes on. */
  resourceVersion: string;
}

export interface ApplyOptions {
  fieldManager: string;
  /** Takes fields that others own. Never by default. */
  force?: boolean;
  dryRun?: boolean;
  /** Unknown or duplicate fields are errors. Default true. */
  strict?: boolean;
}

export interface DeleteOptions {
  /** Only this very object; a conflict when another one has its name. */
  uid?: string;
  resourceVersion?: string;
  propagation?: 'Foreground' | 'Background' | 'Orphan';
  gracePeriodSeconds?: number;
  dryRun?: boolean;
}

export type WatchEvent =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: KubeObject }
  /** Nothing changed up to this resourceVersion. */
  | { type: 'BOOKMARK'; resourceVersion: string };

export interface WatchOptions
  extends Omit<ListOptions, 'limit' | 'slim' | 'recent'> {
  resourceVersion: string;
  /** The server has taken the watch: from now on every change comes. */
  onOpen?: () => void;
  /** The server ends the watch after about this time. Default 300. */
  timeoutSeconds?: number;
}

export interface LogOptions {
  container: string;
  follow?: boolean;
  previous?: boolean;
  /** RFC 3339. */
  sinceTime?: string;
  tailLines?: number;
  limitBytes?: number;
}

/** One line in the client's books, for counting and for tests. */
export interface RequestNote {
  verb: string;
  path: string;
  status: number | 'network';
  durationMs: number;
}

/**
 * One cluster's API, with our identity there.
 *
 * Errors of every call: `KubeApiError` for an answer of the API server,
 * `KubeUnreachableError` when there was none, the signal's reason when it was
 * aborted. Answers of 429 are repeated a few times as the server asks, for 3 s in
 * all, and reads that a server answers with 500, 502 or 503 are asked once more;
 * nothing else is.
 */
export interface KubeClient {
  readonly cluster: string;
  /** `undefined`: no such object. */
  get(ref: ObjectRef, signal: AbortSignal): Promise<KubeObject | undefined>;
  list(
    kind: { apiVersion: string; kind: string },
    options: ListOptions,
    signal: AbortSignal,
  ): Promise<ObjectList>;
  create(
    object: KubeObject,
    options: { fieldManager: string; dryRun?: boolean },
    signal: AbortSignal,
  ): Promise<KubeObject>;
  /**
   * Server-side apply. With `metadata.resourceVersion` in the object it is a
   * conflict (409) when the object has changed since.
   */
  apply(
    object: KubeObject,
    options: ApplyOptions,
    signal: AbortSignal,
  ): Promise<KubeObject>;
  /** JSON merge patch, or of a subresource such as `scale`. */
  patch(
    ref: ObjectRef,
    patch: Record<string, unknown>,
    options: { fieldManager: string; subresource?: string; dryRun?: boolean },
    signal: AbortSignal,
  ): Promise<KubeObject>;
  /** `false`: it was not there any more. */
  delete(
    ref: ObjectRef,
    options: DeleteOptions,
    signal: AbortSignal,
  ): Promise<boolean>;
  /**
   * Events until the server ends the watch (returns), the signal is aborted or
   * it breaks (throws; status 410: list again).
   */
  watch(
    kind: { apiVersion: string; kind: string },
    options: WatchOptions,
    onEvent: (event: WatchEvent) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** The bytes of a container's log, as they come. */
  logs(
    pod: { namespace: string; name: string },
    options: LogOptions,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
  /** How a kind is served; `undefined` when the cluster does not know it. */
  resource(
    apiVersion: string,
    kind: string,
    signal: AbortSignal,
  ): Promise<ResourceInfo | undefined>;
  /** Anything else: `/version`, `/readyz`, an access review. */
  raw<T>(
    request: {
      method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
      path: string;
      query?: Record<string, string | number | boolean | undefined>;
      body?: unknown;
      contentType?: string;
      accept?: string;
    },
    signal: AbortSignal,
  ): Promise<T>;
}
