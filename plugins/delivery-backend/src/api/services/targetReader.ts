import {
  AnalysisVerdict,
  Deployment,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import type { TargetRow } from '../../store/types';
import { ReleaseLabel, environmentView, targetView } from '../views';
import { ServiceDependencies } from './dependencies';
import { Context } from './types';

const MAX_LABELS = 10_000;

/** Reads what one box needs, from the store and the world. */
export class TargetReader {
  readonly #deps: ServiceDependencies;
  // A ready release never changes, so its label can be kept.
  readonly #labels = new Map<string, ReleaseLabel>();

  constructor(deps: ServiceDependencies) {
    this.#deps = deps;
  }

  /** `full`: also ask the connection and judge the analyses. */
  async view(
    context: Context,
    row: TargetRow,
    detail: 'full' | 'list',
  ): Promise<TargetView | undefined> {
    const { environments, connections, observer, store } = this.#deps;
    const { target, record } = row;
    const environment = environments.find(e => e.name === target.environment);
    if (!environment) {
      // The platform took the environment away; its history stays in the lists.
      return undefined;
    }
    const [observation, open, last, stableRelease] = await Promise.all([
      detail === 'full'
        ? observer.observe(target, record)
        : observer.glance(target, record),
      store.deployments.open(target),
      store.deployments.last(target),
      record.stable ? this.#label(record.stable.releaseId) : undefined,
    ]);
    const judged = record.rollout
      ? open.find(deployment => deployment.id === record.rollout?.deploymentId)
      : undefined;
    return targetView({
      row,
      environment: environmentView(
        environment,
        connections.get(target.environment),
      ),
      observation,
      stableRelease,
      open,
      last,
      verdicts:
        detail === 'full' ? await this.verdicts(judged ?? last, row) : [],
      may: permission =>
        context.grants.decide(permission, {
          service: target.service,
          environment: target.environment,
          tier: row.tier,
          owner: row.owner,
          system: row.system,
        }),
    });
  }

  /** What the judge says of each analysis of the deployment. */
  async verdicts(
    deployment: Deployment | undefined,
    row: TargetRow | undefined,
  ): Promise<AnalysisVerdict[]> {
    const { store, judge, clock } = this.#deps;
    const live = row?.record.rollout;
    const rollout =
      deployment && live?.deploymentId === deployment.id
        ? live
        : deployment?.rollout;
    if (!deployment || !rollout || rollout.analyses.length === 0) {
      return [];
    }
    const measurements = await store.deployments.measurements(deployment.id);
    return rollout.analyses.map(run =>
      judge({
        run,
        measurements: measurements.filter(m => m.analysisId === run.id),
        nowMs: clock(),
      }),
    );
  }

  async #label(releaseId: string): Promise<ReleaseLabel | undefined> {
    const known = this.#labels.get(releaseId);
    if (known) {
      return known;
    }
    const release = await this.#deps.store.releases.get(releaseId);
    if (!release) {
      return undefined;
    }
    const label = { version: release.version, commitSha: release.commit.sha };
    if (this.#labels.size >= MAX_LABELS) {
      this.#labels.clear();
    }
    this.#labels.set(releaseId, label);
    return label;
  }
}
