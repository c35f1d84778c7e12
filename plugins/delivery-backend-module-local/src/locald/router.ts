import http, { IncomingMessage, ServerResponse } from 'node:http';
import {
  TrafficRoute,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { WeightedChoice } from './balance';
import { copyRequest } from './copies';
import { Endpoint } from './endpoint';
import { forwardable, requestHeaders } from './forwardedHeaders';
import { RequestMetrics } from './metrics';

/*
 * One HTTP router for each target, on a port that stays. It chooses between
 * generations by their shares and between a generation's ready instances in
 * turn; a generation with nothing ready gets nothing, whatever its share.
 *
 * No request is lost when shares or instances change: an instance leaves the
 * rotation before anything else happens to it, and whoever stops it waits for
 * its requests in flight. Connections to instances are not kept: a kept one
 * may be closed by the other side in the moment it is used again.
 */

const ANSWER_TIMEOUT_MS = 60_000;
export interface RouterOptions {
  port: number;
  metrics: RequestMetrics;
  endpoints(generation: string): Endpoint[];
}

export class Router {
  private shares: TrafficShare[] = [];
  private routes: TrafficRoute[] = [];
  /** So many percent of a copy are due. */
  private copyDue = 0;
  private readonly choice = new WeightedChoice();
  private readonly turns = new Map<string, number>();
  private readonly server = http.createServer((request, response) =>
    this.handle(request, response),
  );

  constructor(private readonly options: RouterOptions) {
    // A slow client is its own problem; the default would cut long uploads.
    this.server.requestTimeout = 0;
    // Longer than clients keep theirs: who closes an idle connection in the
    // moment the other one uses it costs a request.
    this.server.keepAliveTimeout = 65_000;
    this.server.on('upgrade', (_request, socket) => {
      socket.end('HTTP/1.1 501 Not Implemented\r\nconnection: close\r\n\r\n');
    });
  }

  /** Errors: those of `listen`, for example a port that is taken. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.options.port, '127.0.0.1', () => {
        this.server.off('error', reject);
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    await new Promise<void>(resolve => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  /** Takes effect with the next request. */
  set(shares: TrafficShare[], routes: TrafficRoute[]): void {
    this.shares = shares;
    this.routes = routes;
    this.copyDue = 0;
    this.choice.reset();
  }

  private pick(
    except?: string,
  ): { generation: string; endpoint: Endpoint } | undefined {
    const serving = new Map<string, Endpoint[]>();
    const weights = new Map<string, number>();
    for (const { generation, percent } of this.shares) {
      const ready = this.options
        .endpoints(generation)
        .filter(endpoint => endpoint.serves() && endpoint.id !== except);
      if (ready.length > 0 && percent > 0) {
        serving.set(generation, ready);
        weights.set(generation, percent);
      }
    }
    const generation = this.choice.next(weights);
    if (generation === undefined) {
      return undefined;
    }
    return this.inTurn(generation, serving.get(generation) ?? []);
  }

  private inTurn(generation: string, ready: Endpoint[]) {
    const turn = (this.turns.get(generation) ?? -1) + 1;
    this.turns.set(generation, turn % 1_000_000);
    return { generation, endpoint: ready[turn % ready.length] };
  }

  /** A ready instance of a generation, if there is any. */
  private pickOf(
    generation: string,
  ): { generation: string; endpoint: Endpoint } | undefined {
    const ready = this.options
      .endpoints(generation)
      .filter(endpoint => endpoint.serves());
    return ready.length > 0 ? this.inTurn(generation, ready) : undefined;
  }

  private pickByHeaders({ headers }: IncomingMessage) {
    const route = this.routes.find(
      candidate =>
        candidate.type === 'headers' &&
        candidate.headers.every(({ name, value }) => headers[name] === value),
    );
    return route && this.pickOf(route.generation);
  }

  /**
   * What makes a copy of the request, where one is due: every so many requests,
   * spread evenly, as shares are.
   */
  private copyOf(request: IncomingMessage): (() => void) | undefined {
    const route = this.routes.find(candidate => candidate.type === 'mirror');
    if (route?.type !== 'mirror') {
      return undefined;
    }
    this.copyDue += route.percent;
    if (this.copyDue < 100) {
      return undefined;
    }
    this.copyDue -= 100;
    const chosen = this.pickOf(route.generation);
    return (
      chosen &&
      (() =>
        copyRequest(
          request,
          chosen.endpoint,
          requestHeaders(request),
          outcome => {
            this.options.metrics.record(chosen.generation, {
              ...outcome,
              atMs: Date.now(),
              copy: true,
            });
          },
        ))
    );
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    const startedAt = performance.now();
    const byHeaders = this.pickByHeaders(request);
    const chosen = byHeaders ?? this.pick();
    if (!chosen) {
      fail(response, 503, 'No instance is ready to answer');
      request.resume();
      return;
    }
    this.forward(request, response, chosen, {
      startedAt,
      mayRetry: true,
      copy: byHeaders ? undefined : this.copyOf(request),
    });
  }

  private forward(
    request: IncomingMessage,
    response: ServerResponse,
    chosen: { generation: string; endpoint: Endpoint },
    how: { startedAt: number; mayRetry: boolean; copy?: () => void },
  ): void {
    const { startedAt, mayRetry, copy } = how;
    const { generation, endpoint } = chosen;
    endpoint.began();
    let open = true;
    let onClientGone = () => {};
    /** `undefined`: not counted, because the client left or it is retried. */
    const finish = (status: number | undefined) => {
      if (!open) {
        return;
      }
      open = false;
      response.off('close', onClientGone);
      endpoint.ended();
      if (status !== undefined) {
        this.options.metrics.record(generation, {
          atMs: Date.now(),
          status,
          latencyMs: performance.now() - startedAt,
        });
      }
    };
    const upstream = http.request({
      host: '127.0.0.1',
      port: endpoint.port,
      method: request.method,
      path: request.url,
      agent: false,
      headers: requestHeaders(request),
    });
    onClientGone = () => {
      finish(undefined);
      upstream.destroy();
    };
    response.on('close', onClientGone);
    upstream.setTimeout(ANSWER_TIMEOUT_MS, () => {
      if (!response.headersSent) {
        fail(response, 504, 'The instance did not answer in time');
      }
      finish(504);
      upstream.destroy();
    });
    upstream.on('error', error => {
      if (!open) {
        return;
      }
      const refused = 'code' in error && error.code === 'ECONNREFUSED';
      // Nothing was sent to a peer that refused, so nothing can happen twice.
      const other = refused && mayRetry ? this.pick(endpoint.id) : undefined;
      if (other) {
        finish(undefined);
        this.forward(request, response, other, { ...how, mayRetry: false });
        return;
      }
      finish(502);
      if (response.headersSent) {
        response.destroy();
      } else {
        fail(response, 502, `The instance broke off: ${error.message}`);
        request.resume();
      }
    });
    upstream.on('response', answer => {
      response.writeHead(
        answer.statusCode ?? 502,
        answer.statusMessage,
        forwardable(answer.headers),
      );
      answer.on('end', () => finish(answer.statusCode ?? 502));
      answer.on('error', () => {
        finish(502);
        response.destroy();
      });
      answer.pipe(response);
    });
    // The body is touched only when the instance has taken the connection.
    const passOn = () => {
      copy?.();
      request.pipe(upstream);
    };
    upstream.on('socket', socket => {
      if (socket.connecting) {
        socket.once('connect', passOn);
      } else {
        passOn();
      }
    });
  }
}

function fail(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'x-slipway-router': 'error',
  });
  response.end(`${JSON.stringify({ error: message })}\n`);
}
