import {
  createServer,
  IncomingMessage,
  RequestListener,
  Server,
  ServerResponse,
} from 'node:http';
import { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { LoggerService } from '@backstage/backend-plugin-api';
import { InputError } from '@backstage/errors';
import { RegistryAccess } from '@slipway/backstage-plugin-delivery-node';
import { BlobHandlers } from './blobs';
import { RegistryError } from './errors';
import { answer, Exchange, notAllowed } from './exchange';
import { ManifestHandlers } from './manifests';
import { parseRoute } from './routes';
import { RegistryStorage } from './storage';
import { Uploads } from './uploads';

const LOOPBACK_HOSTS = new Set(['127.0.0.1', 'localhost', '[::1]', '::1']);

/** @public */
export interface RegistryServerOptions {
  /** Everything that the registry keeps lies in here. */
  directory: string;
  logger: LoggerService;
}

/** @public */
export interface StartedRegistry {
  access: RegistryAccess;
  port: number;
  stop(): Promise<void>;
}

/**
 * A page in a browser must not reach the registry by a name of its own that
 * resolves to this machine.
 */
function assertLocalCaller(request: IncomingMessage): void {
  const host = (request.headers.host ?? '').replace(/:[0-9]+$/, '');
  if (!LOOPBACK_HOSTS.has(host)) {
    throw new RegistryError(
      403,
      'DENIED',
      'This registry serves its own machine only; use 127.0.0.1',
    );
  }
  if (request.headers.origin !== undefined) {
    throw new RegistryError(
      403,
      'DENIED',
      'This registry is not for web pages',
    );
  }
}

/**
 * An OCI registry on the file system: the whole distribution specification
 * (pull, push, content discovery, content management) without accounts, for
 * callers on this machine. Like every registry it lets a client move a tag;
 * ours never does.
 *
 * @public
 */
export function createRegistryServer(
  options: RegistryServerOptions,
): RequestListener {
  const { directory, logger } = options;
  const storage = new RegistryStorage(directory);
  const blobs = new BlobHandlers(
    storage,
    new Uploads(join(directory, 'uploads')),
  );
  const manifests = new ManifestHandlers(storage);

  async function handle(exchange: Exchange, pathname: string): Promise<void> {
    const route = parseRoute(pathname);
    if (!route) {
      throw new RegistryError(404, 'UNSUPPORTED', 'There is nothing here');
    }
    switch (route.kind) {
      case 'base':
        if (exchange.method !== 'GET' && exchange.method !== 'HEAD') {
          throw notAllowed(exchange.method);
        }
        answer(exchange, 200, { 'content-type': 'application/json' }, '{}');
        return;
      case 'blob':
        await blobs.blob(exchange, route.repository, route.digest);
        return;
      case 'uploads':
        await blobs.begin(exchange, route.repository);
        return;
      case 'upload':
        await blobs.upload(exchange, route.repository, route.id);
        return;
      case 'manifest':
        await manifests.manifest(exchange, route.repository, route.reference);
        return;
      case 'tags':
        await manifests.tags(exchange, route.repository);
        return;
      default:
        await manifests.referrers(exchange, route.repository, route.digest);
    }
  }

  function refuse(exchange: Exchange, error: unknown): void {
    const { request, response, method } = exchange;
    // A request that was read to its end counts as destroyed; the connection
    // tells whether anybody still listens.
    if (response.headersSent || !response.socket || response.socket.destroyed) {
      response.destroy();
      return;
    }
    const known =
      error instanceof RegistryError
        ? error
        : new RegistryError(500, 'UNSUPPORTED', 'The registry failed');
    if (known.status >= 500) {
      logger.error(`Registry: ${method} ${request.url} failed`, toError(error));
    }
    // What the client still wants to send is not waited for.
    const isUnread = !request.complete;
    answer(
      exchange,
      known.status,
      {
        ...known.headers,
        'content-type': 'application/json',
        ...(isUnread && { connection: 'close' }),
      },
      known.body(),
    );
    request.resume();
  }

  return (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://registry');
    const exchange: Exchange = {
      request,
      response,
      method: request.method ?? 'GET',
      query: url.searchParams,
    };
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    (async () => {
      assertLocalCaller(request);
      await handle(exchange, url.pathname);
    })().catch(error => refuse(exchange, error));
  };
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close(error => (error ? reject(error) : resolve()));
    server.closeAllConnections();
  });
}

/**
 * Starts the registry. Port 0, the default, takes a free one.
 *
 * Errors: `InputError` when the host is not this machine's loopback or the
 * port is taken.
 *
 * @public
 */
export async function startRegistry(
  options: RegistryServerOptions & { port?: number; host?: string },
): Promise<StartedRegistry> {
  const host = options.host ?? '127.0.0.1';
  if (!LOOPBACK_HOSTS.has(host)) {
    throw new InputError(
      `The embedded registry has no accounts and listens on 127.0.0.1 or ::1 only, not on "${host}"`,
    );
  }
  await new Uploads(join(options.directory, 'uploads')).removeStale(Date.now());
  const server = createServer(createRegistryServer(options));
  // Layers may take long; a client that sends nothing at all may not.
  server.requestTimeout = 0;
  server.timeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new InputError(
              `Port ${options.port} of the embedded registry is taken; set another one in delivery.local.registry.port`,
            )
          : error,
      ),
    );
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const authority = `${host.includes(':') ? '[::1]' : host}:${port}`;
  options.logger.info(`Registry listens on ${authority}`);
  return {
    access: { url: `http://${authority}`, host: authority },
    port,
    stop: () => close(server),
  };
}
