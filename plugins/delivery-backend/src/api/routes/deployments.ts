import Router from 'express-promise-router';
import {
  pageQuery,
  queryService,
  queryText,
  requestContext,
  verbOptions,
} from './request';
import { RouteOptions } from './types';

/** `/v1/deployments` */
export function createDeploymentsRouter({ httpAuth, services }: RouteOptions) {
  const router = Router();

  router.get('/v1/deployments', async (req, res) => {
    const context = await requestContext(httpAuth, req);
    res.json(
      await services.deployments.list(context, {
        ...pageQuery(req),
        service: queryService(req),
        environment: queryText(req, 'environment'),
      }),
    );
  });

  router.post('/v1/deployments', async (req, res) => {
    const context = await requestContext(httpAuth, req);
    const { service, environment, releaseId, kind } = req.body;
    const deployment = await services.deployments.create(context, {
      target: { service: service.toLocaleLowerCase('en-US'), environment },
      releaseId,
      kind: kind ?? 'deploy',
      ...verbOptions(req),
    });
    res.status(201).json(deployment);
  });

  router.get('/v1/deployments/:id', async (req, res) => {
    const context = await requestContext(httpAuth, req);
    res.json(await services.deployments.get(context, req.params.id));
  });

  router.get('/v1/deployments/:id/measurements', async (req, res) => {
    const context = await requestContext(httpAuth, req);
    res.json(await services.deployments.measurements(context, req.params.id));
  });

  router.post('/v1/deployments/:id/commands', async (req, res) => {
    const context = await requestContext(httpAuth, req);
    const answer = await services.deployments.command(
      context,
      req.params.id,
      req.body.verb,
      verbOptions(req),
    );
    res.status(answer.pending ? 202 : 200).json(answer);
  });

  return router;
}
