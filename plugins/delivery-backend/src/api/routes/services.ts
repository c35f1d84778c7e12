import Router from 'express-promise-router';
import {
  pageQuery,
  queryNumber,
  queryText,
  requestContext,
  serviceParam,
  verbOptions,
} from './request';
import { RouteOptions } from './types';

/** `/v1/services` and what belongs to one service. */
export function createServicesRouter({ httpAuth, services }: RouteOptions) {
  const router = Router();

  router.get('/v1/services', async (req, res) => {
    const context = await requestContext(httpAuth, req);
    res.json(
      await services.services.list(context, {
        ...pageQuery(req),
        owner: queryText(req, 'owner'),
        system: queryText(req, 'system'),
      }),
    );
  });

  router.get(
    '/v1/services/:kind/:namespace/:name/overview',
    async (req, res) => {
      const context = await requestContext(httpAuth, req);
      res.json(await services.services.overview(context, serviceParam(req)));
    },
  );

  router.get(
    '/v1/services/:kind/:namespace/:name/commits',
    async (req, res) => {
      const context = await requestContext(httpAuth, req);
      const items = await services.services.commits(
        context,
        serviceParam(req),
        {
          ref: queryText(req, 'ref'),
          limit: queryNumber(req, 'limit', 20),
        },
      );
      res.json({ items });
    },
  );

  router.post(
    '/v1/services/:kind/:namespace/:name/releases',
    async (req, res) => {
      const context = await requestContext(httpAuth, req);
      const release = await services.releases.create(
        context,
        serviceParam(req),
        { commit: req.body.commit, ...verbOptions(req) },
      );
      res.status(201).json(release);
    },
  );

  return router;
}
