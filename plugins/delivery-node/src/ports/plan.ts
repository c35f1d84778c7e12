import { TargetRef } from '@slipway/backstage-plugin-delivery-common';

/** One rendered object. @public */
export interface PlanObject {
  /** `apps/v1/Deployment/checkout` */
  id: string;
  mediaType: string;
  bytes: Buffer;
  /** File and line in the sources, where the renderer knows them; no part of the Plan's hash. */
  origin?: string;
}

/**
 * What a Plan names and does not contain, such as a Secret of the environment.
 * A rollback applies the Plan again, and what it refers to as it is by then.
 *
 * @public
 */
export interface PlanReference {
  /** `Secret`, `ExternalSecret`, `PersistentVolumeClaim`... */
  kind: string;
  name: string;
  /** Its version is immutable and part of the Plan: a rollback brings it back. */
  restorable: boolean;
  /** The version when the Plan was made; never derived from a secret's value alone. */
  version?: string;
  /** Which part of it is used, for people: `keys url, token`. */
  detail?: string;
}

/** A Release rendered for one Target: immutable, hashed. @public */
export interface Plan {
  /** sha256 over everything below; hex. */
  id: string;
  target: TargetRef;
  releaseId: string;
  objects: PlanObject[];
  /** Image name of the definition to `repository:tag@sha256:...`. */
  images: Record<string, string>;
  replicas: number;
  /** What the environment does not do, to tell people: "HorizontalPodAutoscaler: ignored". */
  ignored: string[];
  /** Absent: the environment's connection does not tell. */
  references?: PlanReference[];
  /**
   * Names of Jobs among the objects that run as hooks: `Jobs` starts them when
   * their time has come, nobody else applies them.
   */
  jobs?: string[];
}

/** @public */
export interface RenderRequest {
  target: TargetRef;
  releaseId: string;
  /** The deploy bundle: manifest sources of the release, path -> bytes. */
  bundle: Map<string, Buffer>;
  path: string;
  images: Record<string, string>;
  signal: AbortSignal;
}

/** @public */
export interface Renderer {
  readonly id: 'plain' | 'kustomize' | 'helm' | string;
  /** `InputError` with file and line when the sources are wrong. */
  render(request: RenderRequest): Promise<PlanObject[]>;
}
