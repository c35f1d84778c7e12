import { HttpAuthService } from '@backstage/backend-plugin-api';
import { stringifyEntityRef } from '@backstage/catalog-model';
import { InputError } from '@backstage/errors';
import {
  Actor,
  ServiceRef,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { Request } from 'express';
import { NO_GRANTS } from '../auth';
import { Context } from '../services';

/*
 * Reading a request. The OpenAPI document has checked types and required
 * fields before a handler runs; these helpers only bring values into our form.
 */

/** Who asks: every route calls this first, and anonymous callers end here. */
export async function requestContext(
  httpAuth: HttpAuthService,
  req: Request,
): Promise<Context> {
  const credentials = await httpAuth.credentials(req, {
    allow: ['user', 'service'],
  });
  const { principal } = credentials;
  const actor: Actor =
    principal.type === 'user'
      ? { type: 'user', ref: principal.userEntityRef }
      : { type: 'machine', ref: principal.subject };
  return { caller: { credentials, actor, request: req }, grants: NO_GRANTS };
}

/** `/services/:kind/:namespace/:name` */
export function serviceParam(req: Request): ServiceRef {
  const { kind, namespace, name } = req.params;
  return stringifyEntityRef({ kind, namespace, name });
}

export function targetParam(req: Request): TargetRef {
  return { service: serviceParam(req), environment: req.params.environment };
}

export function queryText(req: Request, name: string): string | undefined {
  const value = req.query[name];
  if (value === undefined) {
    return undefined;
  }
  if (typeof value !== 'string') {
    throw new InputError(
      `Invalid query parameter "${name}": expected one text`,
    );
  }
  return value;
}

export function queryNumber(
  req: Request,
  name: string,
  fallback: number,
): number {
  // The validator turns numbers in the query into numbers in place.
  const value: unknown = req.query[name];
  if (value === undefined) {
    return fallback;
  }
  const number = Number(value);
  if (!Number.isInteger(number)) {
    throw new InputError(
      `Invalid query parameter "${name}": expected a whole number`,
    );
  }
  return number;
}

export function queryFlag(req: Request, name: string): boolean {
  // The validator turns "true" into true in place.
  return String(req.query[name] ?? 'false') === 'true';
}

export function queryService(
  req: Request,
  name: string = 'service',
): ServiceRef | undefined {
  return queryText(req, name)?.toLocaleLowerCase('en-US');
}

export function pageQuery(req: Request) {
  return {
    cursor: queryText(req, 'cursor'),
    limit: queryNumber(req, 'limit', 50),
  };
}

/** The parts of a body that every verb has. */
export function verbOptions(req: Request) {
  const { reason, idempotencyKey, expectedVersion } = req.body ?? {};
  return {
    reason: optionalText(reason),
    idempotencyKey: optionalText(idempotencyKey),
    expectedVersion:
      typeof expectedVersion === 'number' ? expectedVersion : undefined,
  };
}

function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Aborts when the client has gone, so that a long wait costs nothing. */
export function clientSignal(req: Request): AbortSignal {
  const controller = new AbortController();
  req.res?.once('close', () => controller.abort());
  return controller.signal;
}
