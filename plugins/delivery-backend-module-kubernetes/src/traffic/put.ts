import { KubeObject } from '../client';
import { TrafficContext } from './context';
import { describeEditor, editorOf } from './editors';
import { LiveRoute, LiveTraffic, routeId } from './live';
import { isOurs } from './marks';
import { TrafficPart } from './parts';
import { applyPart, ChangedMeanwhileError, isWritten } from './write';

/** Controllers write the status of a route at any time. */
const TRIES = 4;

/** Whether a route sends to any of the target's Services. */
export function sends(
  { object, router }: LiveRoute,
  live: LiveTraffic,
): boolean {
  return router.splits(object, live.backends).length > 0;
}

/**
 * Writes traffic's part of an object where it is not so already. What others
 * changed of it since is put right, and told.
 */
export async function put(
  { cluster, logger }: TrafficContext,
  object: KubeObject,
  part: TrafficPart,
  field: string | undefined,
  signal: AbortSignal,
): Promise<KubeObject> {
  if (isWritten(object, part)) {
    return object;
  }
  const editor = field && isOurs(object) && editorOf(object, ['spec', field]);
  if (editor) {
    logger.warn(
      `${routeId(object)} in namespace ${
        object.metadata.namespace
      }: spec.${field} was changed by ${describeEditor(
        editor,
      )}; putting it right`,
    );
  }
  return await applyPart(
    cluster.client,
    object,
    part,
    { force: isOurs(object) },
    signal,
  );
}

export async function putRoutes(
  context: TrafficContext,
  routes: LiveRoute[],
  partOf: (route: LiveRoute) => TrafficPart,
  signal: AbortSignal,
): Promise<LiveRoute[]> {
  return await Promise.all(
    routes.map(async route => ({
      router: route.router,
      object: await put(context, route.object, partOf(route), 'rules', signal),
    })),
  );
}

/** Reads and writes anew when an object changed in between. */
export async function withRetries(attempt: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (!(error instanceof ChangedMeanwhileError) || tries >= TRIES) {
        throw error;
      }
    }
  }
}
