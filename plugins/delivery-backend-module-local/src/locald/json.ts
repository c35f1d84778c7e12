import { IncomingMessage, ServerResponse } from 'node:http';
import { InputError, isError } from '@backstage/errors';
import { StaleEpochError } from '@slipway/backstage-plugin-delivery-node';
import { z } from 'zod';

/* JSON in and out, and errors as the backend turns them back into errors. */

const MAX_BODY_BYTES = 1024 * 1024;

/** Errors that a caller has to expect; others are ours. */
const STATUS: Record<string, number> = {
  InputError: 400,
  DigestMismatchError: 400,
  AuthenticationError: 401,
  NotFoundError: 404,
  ConflictError: 409,
  StaleEpochError: 409,
};

export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) {
      throw new InputError(
        `The request has more than ${MAX_BODY_BYTES} bytes, which is the limit`,
      );
    }
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}');
  } catch (error) {
    throw new InputError('The request body is not JSON', error);
  }
}

export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (!result.success) {
    throw new InputError(
      `The request body is not what this API expects: ${result.error.issues
        .map(issue => `${issue.path.join('.')}: ${issue.message}`)
        .join('; ')}`,
    );
  }
  return result.data;
}

export function send(
  response: ServerResponse,
  status: number,
  body: unknown,
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

/** Whether the error says something about the request and not about us. */
export function isExpected(error: unknown): boolean {
  return isError(error) && error.name in STATUS;
}

export function sendError(response: ServerResponse, error: unknown): void {
  const name = isError(error) ? error.name : 'Error';
  const message = isError(error) ? error.message : String(error);
  send(response, STATUS[name] ?? 500, {
    error: {
      name,
      message,
      ...(error instanceof StaleEpochError && {
        ours: error.ours,
        theirs: error.theirs,
      }),
    },
  });
}

export function requireName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/.test(name)) {
    throw new InputError(
      `"${name}" is not a name; expected letters, digits, dots and dashes`,
    );
  }
  return name;
}

export function numberOf(query: URLSearchParams, name: string): number {
  const value = Number(query.get(name) ?? 0);
  if (!Number.isFinite(value) || value < 0) {
    throw new InputError(
      `The parameter "${name}" is "${query.get(name)}"; expected a number`,
    );
  }
  return value;
}
