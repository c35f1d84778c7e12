import Router from 'express-promise-router';
import {
  clientSignal,
  pageQuery,
  queryFlag,
  queryNumber,
  queryService,
  queryText,
  requestContext,
  targetParam,
  verbOptions,
} from './request';
import { RouteOptions } from './types';

const TARGET = '/v1/services/:kind/:namespace/:name/environments/:environment';

/** `/v1/targets` and the verbs and logs of one target. */
export function createTargetsRouter({ httpAuth, services }: RouteOptions) {
  const router = Router();

  router.get('/v1/targets', async (req, res) => {
    const context = await requestContext(httpAuth, req);
    res.json(
      await services.targets.list(context, {
        ...pageQuery(req),
        environment: queryText(req, 'environment'),
        owner: queryText(req, 'owner'),
        system: queryText(req, 'system'),
        service: queryService(req),
        attention: queryFlag(req, 'attention'),
      }),
    );
  });

  router.post(`${TARGET}/commands`, async (req, res) => {
    const context = await requestContext(httpAuth, req);
    const answer = await services.targets.command(
      context,
      targetParam(req),
      req.body.verb,
      verbOptions(req),
    );
    res.status(answer.pending ? 202 : 200).json(answer);
  });

  router.post(`${TARGET}/operations/:operation`, async (req, res) => {
    const context = await requestContext(httpAuth, req);
    res.json(
      await services.targets.operate(
        context,
        targetParam(req),
        req.params.operation,
        { ...verbOptions(req), args: req.body?.args ?? {} },
      ),
    );
  });

  router.get(`${TARGET}/checks`, async (req, res) => {
    const context = await requestContext(httpAuth, req);
    res.json({
      items: await services.targets.checks(
        context,
        targetParam(req),
        clientSignal(req),
      ),
    });
  });

  router.get(`${TARGET}/preview/:releaseId`, async (req, res) => {
    const context = await requestContext(httpAuth, req);
    res.json({
      diff: await services.targets.preview(
        context,
        targetParam(req),
        req.params.releaseId,
        clientSignal(req),
      ),
    });
  });

  router.get(`${TARGET}/logs`, async (req, res) => {
    const context = await requestContext(httpAuth, req);
    res.json(
      await services.targets.logs(context, targetParam(req), {
        instance: queryText(req, 'instance'),
        generation: queryText(req, 'generation'),
        after: queryText(req, 'after'),
        waitMs: queryNumber(req, 'waitMs', 0),
        limit: queryNumber(req, 'limit', 500),
        signal: clientSignal(req),
      }),
    );
  });

  return router;
}
