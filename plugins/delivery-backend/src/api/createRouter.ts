import { HttpAuthService, LoggerService } from '@backstage/backend-plugin-api';
import { createValidatedOpenApiRouter } from '@backstage/backend-openapi-utils';
import express from 'express';
import { readOpenApiDocument } from './document';
import { EventsService } from './events';
import { createDeploymentsRouter } from './routes/deployments';
import { createEnvironmentsRouter } from './routes/environments';
import { createEventsRouter } from './routes/events';
import { createReleasesRouter } from './routes/releases';
import { requestContext } from './routes/request';
import { createServicesRouter } from './routes/services';
import { createTargetsRouter } from './routes/targets';
import { ApiServices } from './services';

export interface RouterOptions {
  httpAuth: HttpAuthService;
  services: ApiServices;
  events: EventsService;
  /** The JSON Schema of delivery.yaml, for editors. */
  definitionSchema: object;
  logger: LoggerService;
  shutdown: AbortSignal;
  clock: () => number;
  keepAliveMs?: number;
  /** Checks our own answers by the document too; for development and tests. */
  validateResponses?: boolean;
}

const BODY_LIMIT = '256kb';

/**
 * The API, below the plugin's base path. Requests that the OpenAPI document
 * does not allow get a 400 that names the field; each route then asks for
 * credentials, and calls services that decide by themselves.
 */
export function createRouter(options: RouterOptions): express.Router {
  const { httpAuth, services } = options;
  const document = readOpenApiDocument();
  const router = createValidatedOpenApiRouter(document, {
    middleware: [express.json({ limit: BODY_LIMIT })],
    validatorOptions: { validateResponses: options.validateResponses ?? false },
  });
  const handlers = express.Router();
  handlers.get('/v1/schema/delivery.json', async (req, res, next) => {
    try {
      await requestContext(httpAuth, req);
      res
        .type('application/schema+json')
        .send(JSON.stringify(options.definitionSchema));
    } catch (error) {
      next(error);
    }
  });
  handlers.use(createServicesRouter({ httpAuth, services }));
  handlers.use(createReleasesRouter({ httpAuth, services }));
  handlers.use(createDeploymentsRouter({ httpAuth, services }));
  handlers.use(createEnvironmentsRouter({ httpAuth, services }));
  handlers.use(createTargetsRouter({ httpAuth, services }));
  handlers.use(createEventsRouter(options));
  router.use(handlers);
  // In front: the validating router calls every error before it a bad request.
  return express.Router().use(serveDocument(httpAuth, document), router);
}

/**
 * The document as it is, with the place where it is served. (The validating
 * router has such a route too, but passes the document through a tool that
 * calls it OpenAPI 3.0, which it is not.)
 */
function serveDocument(
  httpAuth: HttpAuthService,
  document: object,
): express.RequestHandler {
  return async (req, res, next) => {
    if (req.method !== 'GET' || req.path !== '/openapi.json') {
      next();
      return;
    }
    try {
      await requestContext(httpAuth, req);
      res.json({ ...document, servers: [{ url: req.baseUrl || '/' }] });
    } catch (error) {
      next(error);
    }
  };
}
