import { timingSafeEqual } from 'node:crypto';
import http, { IncomingMessage, ServerResponse } from 'node:http';
import {
  AuthenticationError,
  InputError,
  NotFoundError,
} from '@backstage/errors';
import { parseTarget } from '@slipway/backstage-plugin-delivery-common';
import {
  ImageAnswer,
  PROTOCOL,
  ensureSchema,
  fenceSchema,
  imageSchema,
  jobStartSchema,
  sharesSchema,
  trafficSchema,
} from './protocol';
import {
  isExpected,
  numberOf,
  parse,
  readJson,
  requireName,
  send,
  sendError,
} from './json';
import { Supervisor } from './supervisor';
import { streamChanges } from './watch';

/*
 * The control API: JSON over loopback, for the one who can read the token
 * file. Paths are /v1/<resource>, with target ids and names percent-encoded.
 */

const MAX_WAIT_MS = 30_000;
const MAX_LINES = 1_000;

export interface ApiOptions {
  supervisor: Supervisor;
  token: string;
  dataDirectory: string;
  startedAtMs: number;
  log(message: string): void;
  /** Ends the process once the answer is out. */
  shutdown(options: { instances: boolean }): void;
}

export function createApi(options: ApiOptions): http.Server {
  const expected = Buffer.from(`Bearer ${options.token}`);
  return http.createServer((request, response) => {
    const given = Buffer.from(request.headers.authorization ?? '');
    const allowed =
      given.length === expected.length && timingSafeEqual(given, expected);
    const answer = allowed
      ? handle(options, request, response)
      : Promise.reject(
          new AuthenticationError(
            'slipway-locald answers only with the token of its data directory',
          ),
        );
    answer.catch(error => {
      if (!isExpected(error)) {
        options.log(`${request.method} ${request.url}: ${error?.stack}`);
      }
      if (response.headersSent) {
        response.destroy();
      } else {
        sendError(response, error);
      }
    });
  });
}

async function handle(
  options: ApiOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { supervisor } = options;
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const [version, resource, ...rest] = url.pathname
    .slice(1)
    .split('/')
    .map(decodeURIComponent);
  const route = `${request.method} ${version}/${resource}`;
  const gone = new AbortController();
  response.on('close', () => gone.abort());

  switch (route) {
    case 'GET v1/health':
      send(response, 200, {
        protocol: PROTOCOL,
        pid: process.pid,
        dataDirectory: options.dataDirectory,
        startedAtMs: options.startedAtMs,
      });
      return;
    case 'POST v1/shutdown':
      send(response, 202, {});
      options.shutdown({
        instances: url.searchParams.get('instances') !== 'keep',
      });
      return;
    case 'GET v1/watch':
      streamChanges(supervisor, response);
      return;
    case 'POST v1/images': {
      const { spec, registry, environment } = parse(
        imageSchema,
        await readJson(request),
      );
      const answer: ImageAnswer = await supervisor.checkImage(
        spec,
        registry,
        environment,
        gone.signal,
      );
      send(response, 200, answer);
      return;
    }
    default:
  }
  const [id, part, name] = rest;
  if (version !== 'v1' || resource !== 'targets' || !id) {
    throw new NotFoundError(`No such resource: ${route}`);
  }
  assertTarget(id);
  await handleTarget(options, request, response, {
    action: `${request.method} ${part ?? ''}`.trim(),
    id,
    name,
    query: url.searchParams,
    signal: gone.signal,
  });
}

function requireKey(key: string): string {
  if (key === '' || key.length > 500) {
    throw new InputError('The key of a job has 1 to 500 characters');
  }
  return key;
}

function assertTarget(id: string): void {
  try {
    parseTarget(id);
  } catch (error) {
    throw new InputError(`"${id}" is not a target`, error);
  }
}

async function handleTarget(
  options: ApiOptions,
  request: IncomingMessage,
  response: ServerResponse,
  call: {
    action: string;
    id: string;
    name?: string;
    query: URLSearchParams;
    signal: AbortSignal;
  },
): Promise<void> {
  const { supervisor } = options;
  const { action, id, name = '', query } = call;
  switch (action) {
    case 'GET':
      send(response, 200, supervisor.snapshot(id));
      return;
    case 'PUT generations':
      await supervisor.ensure(
        id,
        requireName(name),
        parse(ensureSchema, await readJson(request)),
      );
      send(response, 200, {});
      return;
    case 'DELETE generations':
      await supervisor.remove(
        id,
        requireName(name),
        parse(fenceSchema, await readJson(request)),
      );
      send(response, 200, {});
      return;
    case 'PUT jobs':
      await supervisor.startJob(
        id,
        requireKey(name),
        parse(jobStartSchema, await readJson(request)),
      );
      send(response, 200, {});
      return;
    case 'GET jobs':
      send(response, 200, supervisor.get(id).jobs.observe(requireKey(name)));
      return;
    case 'DELETE jobs':
      await supervisor.stopJob(
        id,
        requireKey(name),
        parse(fenceSchema, await readJson(request)),
      );
      send(response, 200, {});
      return;
    case 'PUT shares': {
      const { shares, routes, ...fence } = parse(
        sharesSchema,
        await readJson(request),
      );
      await supervisor.setShares(id, fence, { shares, routes });
      send(response, 200, {});
      return;
    }
    case 'PUT traffic':
      send(
        response,
        200,
        await supervisor.setTraffic(
          id,
          parse(trafficSchema, await readJson(request)),
        ),
      );
      return;
    case 'DELETE instances':
      send(response, 200, {
        deleted: supervisor.get(id).deleteInstance(requireName(name)),
      });
      return;
    case 'GET metrics':
      send(
        response,
        200,
        supervisor
          .get(id)
          .metrics.query(
            query.get('generation') ?? '',
            query.get('metric') ?? '',
            numberOf(query, 'from'),
            numberOf(query, 'to'),
          ),
      );
      return;
    case 'GET logs': {
      const target = supervisor.get(id);
      send(
        response,
        200,
        await target.log.read(
          {
            instance: query.get('instance') ?? undefined,
            generation: query.get('generation') ?? undefined,
            after: query.has('after') ? numberOf(query, 'after') : undefined,
            limit: Math.min(MAX_LINES, Math.max(1, numberOf(query, 'limit'))),
            waitMs: Math.min(MAX_WAIT_MS, numberOf(query, 'wait')),
          },
          call.signal,
        ),
      );
      return;
    }
    default:
      throw new NotFoundError(`No such resource of a target: ${action}`);
  }
}
