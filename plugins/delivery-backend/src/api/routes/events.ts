import { once } from 'node:events';
import { HttpAuthService, LoggerService } from '@backstage/backend-plugin-api';
import { ChangeEvent } from '@slipway/backstage-plugin-delivery-common';
import { Request, Response } from 'express';
import Router from 'express-promise-router';
import { EventsService, ViewerEvents } from '../events';
import {
  clientSignal,
  queryNumber,
  queryText,
  requestContext,
} from './request';

/*
 * Server-sent events (WHATWG HTML, section 9.2) over fetch, so that the token
 * travels in a header and never in a URL. A comment every 15 s keeps proxies
 * from closing an idle stream; `no-transform` keeps compression from holding
 * events back. The stream ends when the token does: the client comes back with
 * a fresh one and its last id.
 */

const KEEP_ALIVE_MS = 15_000;
const MAX_SERVICES = 200;

export interface EventsRouteOptions {
  httpAuth: HttpAuthService;
  events: EventsService;
  logger: LoggerService;
  /** Ends every stream: the backend shuts down. */
  shutdown: AbortSignal;
  clock: () => number;
  keepAliveMs?: number;
}

export function createEventsRouter(options: EventsRouteOptions) {
  const { httpAuth, events, logger, shutdown, clock } = options;
  const keepAliveMs = options.keepAliveMs ?? KEEP_ALIVE_MS;
  const router = Router();

  router.get('/v1/events', async (req, res) => {
    const { caller } = await requestContext(httpAuth, req);
    const viewer = await events.open(caller, {
      lastEventId: req.header('last-event-id') || queryText(req, 'after'),
      services: queryServices(req),
    });
    const end = new AbortController();
    const signal = AbortSignal.any([end.signal, clientSignal(req), shutdown]);
    const timer = setTimeout(
      () => end.abort(),
      lifetimeMs(caller.credentials.expiresAt, clock()),
    );
    try {
      await stream(res, viewer, keepAliveMs, signal);
    } catch (error) {
      // The headers are sent: the client learns by the end of the stream, and
      // comes back with its last id.
      logger.warn(
        `An event stream of ${caller.actor.ref} ended with an error`,
        {
          error: String(error),
        },
      );
    } finally {
      clearTimeout(timer);
      viewer.close();
      res.end();
    }
  });

  router.get('/v1/events.json', async (req, res) => {
    const { caller } = await requestContext(httpAuth, req);
    const viewer = await events.open(caller, {
      lastEventId: queryText(req, 'after'),
      services: queryServices(req),
    });
    try {
      const signal = AbortSignal.any([clientSignal(req), shutdown]);
      const items = await viewer.next(queryNumber(req, 'waitMs', 0), signal);
      res.json({ items, next: viewer.position() });
    } finally {
      viewer.close();
    }
  });

  return router;
}

/** Even a token without an end is looked at again once a day. */
const MAX_STREAM_MS = 24 * 60 * 60 * 1000;

function lifetimeMs(expiresAt: Date | undefined, nowMs: number): number {
  const leftMs = expiresAt ? expiresAt.getTime() - nowMs : MAX_STREAM_MS;
  return Math.min(Math.max(leftMs, 0), MAX_STREAM_MS);
}

async function stream(
  res: Response,
  viewer: ViewerEvents,
  keepAliveMs: number,
  signal: AbortSignal,
) {
  res.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-cache, no-transform',
    'X-Accel-Buffering': 'no',
    Connection: 'keep-alive',
  });
  // Where the stream stands: a client that saw no event yet can resume too.
  await write(res, `id: ${viewer.position()}\n: open\n\n`, signal);
  while (!signal.aborted) {
    const items = await viewer.next(keepAliveMs, signal);
    if (signal.aborted) {
      return;
    }
    const text =
      items.length > 0
        ? items.map(frame).join('')
        : `id: ${viewer.position()}\n: ping\n\n`;
    await write(res, text, signal);
  }
}

function frame(event: ChangeEvent): string {
  return `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(
    event,
  )}\n\n`;
}

/** Waits while the client does not read, so that its buffer stays bounded. */
async function write(res: Response, text: string, signal: AbortSignal) {
  if (!res.write(text) && !signal.aborted) {
    try {
      await once(res, 'drain', { signal });
    } catch (error) {
      if (!signal.aborted) {
        throw error;
      }
    }
  }
}

function queryServices(req: Request): string[] | undefined {
  const text = queryText(req, 'services');
  return text
    ?.split(',')
    .map(ref => ref.trim().toLocaleLowerCase('en-US'))
    .filter(ref => ref !== '')
    .slice(0, MAX_SERVICES);
}
