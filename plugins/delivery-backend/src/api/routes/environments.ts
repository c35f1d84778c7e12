import Router from 'express-promise-router';
import { clientSignal, requestContext } from './request';
import { RouteOptions } from './types';

/** `/v1/environments`, without any service. */
export function createEnvironmentsRouter({ httpAuth, services }: RouteOptions) {
  const router = Router();

  router.get('/v1/environments', async (req, res) => {
    const context = await requestContext(httpAuth, req);
    res.json({ items: await services.environments.list(context) });
  });

  router.get('/v1/environments/:environment/checks', async (req, res) => {
    const context = await requestContext(httpAuth, req);
    res.json({
      items: await services.environments.checks(
        context,
        req.params.environment,
        clientSignal(req),
      ),
    });
  });

  return router;
}
