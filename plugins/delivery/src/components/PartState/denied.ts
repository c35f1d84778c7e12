function statusCodeOf(error: Error): number | undefined {
  if ('statusCode' in error && typeof error.statusCode === 'number') {
    return error.statusCode;
  }
  return undefined;
}

/** Whether the backend refused, as opposed to failed. */
export function isDenied(error: Error): boolean {
  return (
    error.name === 'NotAllowedError' ||
    statusCodeOf(error) === 403 ||
    ('cause' in error &&
      error.cause instanceof Error &&
      error.cause.name === 'NotAllowedError')
  );
}

/** The backend's own sentence, which the client keeps as the cause of "Request failed". */
export function saidBy(error: Error): string {
  return 'cause' in error && error.cause instanceof Error
    ? error.cause.message
    : error.message;
}

/** The permission that the refusal names, if it names one. */
export function deniedPermission(error: Error): string | undefined {
  return saidBy(error).match(/\bdelivery\.[a-z-]+\.[a-z-]+\b/)?.[0];
}
