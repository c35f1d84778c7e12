import Router from 'express-promise-router';
import {
  clientSignal,
  pageQuery,
  queryNumber,
  queryService,
  queryText,
  requestContext,
  verbOptions,
} from './request';
import { RouteOptions } from './types';

/** `/v1/releases` */
export function createReleasesRouter({ httpAuth, services }: RouteOptions) {
  const router = Router();

  router.get('/v1/releases', async (req, res) => {
    const context = await requestContext(httpAuth, req);
    res.json(
      await services.releases.list(context, {
        ...pageQuery(req),
        service: queryService(req),
      }),
    );
  });

  router.get('/v1/releases/:id', async (req, res) => {
    const context = await requestContext(httpAuth, req);
    res.json(await services.releases.get(context, req.params.id));
  });

  router.get('/v1/releases/:id/logs', async (req, res) => {
    const context = await requestContext(httpAuth, req);
    res.json(
      await services.releases.logs(context, req.params.id, {
        stage: queryText(req, 'stage') ?? '',
        after: queryText(req, 'after'),
        waitMs: queryNumber(req, 'waitMs', 0),
        limit: queryNumber(req, 'limit', 500),
        signal: clientSignal(req),
      }),
    );
  });

  router.get('/v1/releases/:id/findings', async (req, res) => {
    const context = await requestContext(httpAuth, req);
    res.json(await services.releases.findings(context, req.params.id));
  });

  router.get('/v1/releases/:id/sbom', async (req, res) => {
    const context = await requestContext(httpAuth, req);
    const sbom = await services.releases.sbom(
      context,
      req.params.id,
      queryText(req, 'image'),
    );
    res.type('application/vnd.cyclonedx+json').send(sbom);
  });

  router.post('/v1/releases/:id/commands', async (req, res) => {
    const context = await requestContext(httpAuth, req);
    const answer = await services.releases.command(
      context,
      req.params.id,
      req.body.verb,
      verbOptions(req),
    );
    res.status(answer.pending ? 202 : 200).json(answer);
  });

  return router;
}
