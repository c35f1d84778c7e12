import {
  Desired,
  GenerationRole,
  RolloutState,
  Track,
  TrafficRoute,
} from '@slipway/backstage-plugin-delivery-common';
import { formatPercent } from './amounts';
import { allocateShares } from './capacity';
import { delegatedWish, sharesInPlace } from './delegated';
import {
  activeRollout,
  currentStep,
  desiredReplicas,
  Draft,
  isSameAsStable,
  note,
} from './draft';
import { allocateRoutes, describeRoutes, sameRoutes } from './routes';

type GenerationWish = Desired['generations'][number];

/**
 * Writes the desired state that the roles, goals and ready capacity ask for.
 * With an unknown world the last one stays: what was right then is less
 * dangerous than a guess. The revision grows only when something changes, and
 * beyond everything the world has seen (a restored database may be behind it).
 */
export function arrangeDesired(draft: Draft): void {
  const { view, record } = draft;
  if (!view) {
    return;
  }
  const generations = wishes(draft);
  const delegated = delegatedWish(draft);
  const replicas = new Map(generations.map(g => [g.generation, g.replicas]));
  const shares = delegated
    ? sharesInPlace(draft)
    : allocateShares(draft, view, replicas);
  const routes = delegated ? [] : allocateRoutes(draft, view, replicas, shares);
  const sharedPlanId = sharedPlan(draft);
  const next = {
    generations,
    shares,
    ...(routes.length > 0 ? { routes } : {}),
    ...(delegated ? { delegated } : {}),
    ...(sharedPlanId === undefined ? {} : { sharedPlanId }),
  };
  const { revision, ...last } = record.desired;
  if (fingerprint(last) === fingerprint(next)) {
    return;
  }
  if (fingerprint(last.shares) !== fingerprint(shares)) {
    noteShares(draft, shares, generations);
  }
  if (!sameRoutes(last.routes, routes)) {
    noteRoutes(draft, routes, generations);
  }
  // One decision is one write, however many times it is arranged.
  const base = draft.moved ? revision : Math.max(revision, view.reflects) + 1;
  record.desired = { revision: base, ...next };
  draft.moved = true;
}

/** One decision may change its mind; what comes back to what was is no change. */
export function forgetDetours(draft: Draft): void {
  const last = draft.input.record.desired;
  const next = draft.record.desired;
  const same =
    fingerprint({ ...last, revision: 0 }) ===
    fingerprint({ ...next, revision: 0 });
  if (draft.moved && same) {
    next.revision = last.revision;
    draft.moved = false;
  }
}

function wishes(draft: Draft): GenerationWish[] {
  const { stable, draining } = draft.record;
  const rollout = activeRollout(draft);
  const result: GenerationWish[] = [];
  if (stable && rollout?.goal?.delegated !== 'replaced') {
    const batchwise =
      rollout?.phase === 'stepping' ? rollout.goal?.stableReplicas : undefined;
    result.push({
      generation: stable.generation,
      planId: stable.planId,
      track: 'stable',
      replicas: batchwise ?? stable.replicas,
      ...inPlace(stable),
    });
  }
  const replicas = rollout?.goal?.replicas ?? 0;
  if (rollout && replicas > 0 && !isSameAsStable(draft, rollout)) {
    result.push({
      generation: rollout.candidate.generation,
      planId: rollout.candidate.planId,
      track: candidateTrack(rollout),
      replicas,
      ...inPlace(rollout.candidate),
    });
  }
  for (const role of draining) {
    result.push({
      generation: role.generation,
      planId: role.planId,
      track: 'draining',
      replicas: desiredReplicas(draft, role.generation),
      ...inPlace(role),
    });
  }
  return result;
}

function inPlace(role: GenerationRole): { inPlace?: true } {
  return role.inPlace ? { inPlace: true } : {};
}

function candidateTrack(rollout: RolloutState): Track {
  return rollout.strategy.type === 'blueGreen' ? 'preview' : 'canary';
}

/**
 * Shared objects follow the candidate only once it is being promoted. What
 * another controller has put in place needs nothing but that: it is one write
 * with what makes it ours.
 */
function sharedPlan(draft: Draft): string | undefined {
  const rollout = activeRollout(draft);
  const step = rollout && currentStep(rollout);
  const promoting =
    rollout?.phase === 'stepping' &&
    step?.step.type === 'promote' &&
    (step.status === 'active' || rollout.goal?.delegated === 'replaced');
  return promoting ? rollout.candidate.planId : draft.record.stable?.planId;
}

function noteShares(
  draft: Draft,
  shares: Desired['shares'],
  generations: GenerationWish[],
): void {
  const text = shares
    .map(({ generation, percent }) => {
      const track = generations.find(g => g.generation === generation)?.track;
      return `${formatPercent(percent)} ${track ?? generation}`;
    })
    .join(', ');
  note(draft, 'traffic-asked', text ? `Traffic: ${text}` : 'Traffic: none');
}

function noteRoutes(
  draft: Draft,
  routes: TrafficRoute[],
  generations: GenerationWish[],
): void {
  const text = describeRoutes(
    routes,
    generation =>
      generations.find(g => g.generation === generation)?.track ?? generation,
  );
  note(
    draft,
    'routes-asked',
    text
      ? `Beside the shares: ${text}`
      : 'Beside the shares nothing goes to the candidate any more',
  );
}

/** Key order must not look like a change. */
function fingerprint(value: unknown): string {
  return JSON.stringify(value, (_key, inner) =>
    inner && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(
          Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      : inner,
  );
}
