import { CustomErrorBase } from '@backstage/errors';

/** The `Status` object of a refusal. */
export interface KubeStatus {
  kind?: string;
  code?: number;
  /** `NotFound`, `Conflict`, `Invalid`, `Forbidden`, `Expired`... */
  reason?: string;
  message?: string;
  details?: {
    name?: string;
    kind?: string;
    retryAfterSeconds?: number;
    causes?: Array<{ reason?: string; message?: string; field?: string }>;
  };
}

/** The API server answered, and refused. */
export class KubeApiError extends CustomErrorBase {
  readonly name = 'KubeApiError';
  constructor(
    readonly cluster: string,
    readonly request: string,
    readonly status: number,
    readonly body: KubeStatus,
  ) {
    super(
      `Cluster ${cluster} refused ${request} with ${status}${
        body.reason ? ` ${body.reason}` : ''
      }: ${body.message ?? 'no reason given'}`,
    );
  }

  get reason(): string | undefined {
    return this.body.reason;
  }
}

/** There was no answer, or not all of it. */
export class KubeUnreachableError extends CustomErrorBase {
  readonly name = 'KubeUnreachableError';
  constructor(readonly cluster: string, request: string, cause: unknown) {
    super(
      `Cluster ${cluster} did not answer ${request}: ${innermost(cause)}`,
      cause instanceof Error ? cause : undefined,
    );
  }
}

function innermost(error: unknown): string {
  let current = error;
  while (current instanceof Error && current.cause !== undefined) {
    current = current.cause;
  }
  if (!(current instanceof Error)) {
    return String(current);
  }
  const code = 'code' in current ? ` (${current.code})` : '';
  return `${current.message || current.name}${code}`;
}

export function isStatus(error: unknown, status: number): boolean {
  return error instanceof KubeApiError && error.status === status;
}

export const isNotFound = (error: unknown) => isStatus(error, 404);
export const isConflict = (error: unknown) => isStatus(error, 409);
export const isGone = (error: unknown) => isStatus(error, 410);
export const isForbidden = (error: unknown) => isStatus(error, 403);

/** The resourceVersion that was asked for is of a time that the API server does not know. */
export function isTooLargeVersion(error: unknown): boolean {
  return (
    error instanceof KubeApiError &&
    (error.body.details?.causes ?? []).some(
      ({ reason }) => reason === 'ResourceVersionTooLarge',
    )
  );
}
