import { TrafficShare } from '@slipway/backstage-plugin-delivery-common';
import { KubeObject } from '../client';
import { GENERATION_LABEL, SELECTOR_ANNOTATION } from '../names';
import { adoptedSelector } from './adopted';
import { LiveTraffic } from './live';
import { readJson } from './marks';
import { selectorOf } from './services';

/** No pod has this generation. */
const NOBODY = 'none';

/** The selector of a main Service as the Plan has it. */
export function planSelector(service: KubeObject): Record<string, string> {
  const { [GENERATION_LABEL]: _, ...live } = selectorOf(service);
  return (
    (readJson(service, SELECTOR_ANNOTATION) as
      | Record<string, string>
      | undefined) ?? live
  );
}

/**
 * What a main Service selects while these shares are in force. Beside a route
 * it is stable alone, so that callers inside the cluster never meet what the
 * route was told to spare. Without a route it is everybody who has a share;
 * where Kubernetes leads, it is whatever Kubernetes makes ready; and as long as
 * nothing has a share, what was there before us.
 */
export function mainSelector(
  base: Record<string, string>,
  live: Pick<
    LiveTraffic,
    'inPlace' | 'routes' | 'stable' | 'readyOf' | 'adopted' | 'workloads'
  >,
  shares: TrafficShare[],
): Record<string, string> {
  const only = (generation: string) => ({
    ...base,
    [GENERATION_LABEL]: generation,
  });
  const given = shares
    .filter(({ percent }) => percent > 0)
    .sort((a, b) => b.percent - a.percent);
  if (live.inPlace) {
    return base;
  }
  if (given.length === 0) {
    return live.adopted
      ? adoptedSelector(live.adopted, live.workloads)
      : only(NOBODY);
  }
  if (live.routes.length === 0) {
    return given.length === 1 ? only(given[0].generation) : base;
  }
  const wanted = [
    ...(live.stable ? [live.stable] : []),
    ...given.map(({ generation }) => generation),
  ];
  return only(
    wanted.find(generation => live.readyOf(generation) > 0) ?? wanted[0],
  );
}
