import {
  AnalysisVerdict,
  Deployment,
  GenerationRole,
  LogLine,
  TargetRef,
  TargetView,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import type { TargetRow } from '../../store';
import {
  ReleaseLabel,
  environmentView,
  steadyMetrics,
  targetHealth,
  targetView,
} from '../views';
import { EnvironmentInfo, ServiceDependencies } from './dependencies';
import { Context } from './types';

const MAX_LABELS = 10_000;

/** Reads what the boxes of a page need, from the store and the world. */
export class TargetReader {
  readonly #deps: ServiceDependencies;
  // A ready release never changes, so its label can be kept.
  readonly #labels = new Map<string, ReleaseLabel>();

  constructor(deps: ServiceDependencies) {
    this.#deps = deps;
  }

  /**
   * The boxes of a page, in its order. `full`: also ask the connections and
   * judge the analyses. Rows of environments that the platform has taken away
   * are left out; their history stays in the lists of deployments.
   */
  async views(
    context: Context,
    rows: TargetRow[],
    detail: 'full' | 'list',
  ): Promise<TargetView[]> {
    const { environments, store } = this.#deps;
    const known = rows.flatMap(row => {
      const environment = environments.find(
        candidate => candidate.name === row.target.environment,
      );
      return environment ? [{ row, environment }] : [];
    });
    const deployments = await store.deployments.ofTargets(
      known.map(({ row }) => row.target),
    );
    return Promise.all(
      known.map(({ row, environment }) =>
        this.#view(
          context,
          row,
          environment,
          deployments.get(stringifyTarget(row.target)) ?? { open: [] },
          detail,
        ),
      ),
    );
  }

  async #view(
    context: Context,
    row: TargetRow,
    environment: EnvironmentInfo,
    deployments: { open: Deployment[]; last?: Deployment },
    detail: 'full' | 'list',
  ): Promise<TargetView> {
    const { connections, observer } = this.#deps;
    const { target, record } = row;
    const { open, last } = deployments;
    const [observation, stableRelease] = await Promise.all([
      detail === 'full'
        ? observer.observe(target, record)
        : observer.glance(target, record),
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
      canGiveBack: connections.get(target.environment)?.giveBack !== undefined,
      observation,
      stableRelease,
      open,
      last,
      ...(detail === 'list'
        ? { watchedHealth: this.#deps.healthWatch?.find(target) }
        : {}),
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

  /**
   * The health of what runs while nobody looks: from the watch, and from rates
   * where the release is held to some. Costs a query for each of these.
   */
  async health(row: TargetRow): Promise<TargetView['health']> {
    const { observer } = this.#deps;
    const { target, record } = row;
    const label = record.stable && (await this.#label(record.stable.releaseId));
    const metrics = label?.steadyMetrics?.get(target.environment) ?? [];
    const { workloads, causes } = observer.glance(target, record);
    const tracks =
      metrics.length > 0 ? await observer.rates(target, record) : [];
    return targetHealth(
      record,
      undefined,
      workloads,
      { tracks, metrics },
      causes,
    );
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

  /**
   * Says of each line which release wrote it, as far as the record of the
   * target still knows the generation.
   */
  async withReleases(target: TargetRef, lines: LogLine[]): Promise<LogLine[]> {
    if (!lines.some(line => line.generation && !line.releaseId)) {
      return lines;
    }
    const record = (await this.#deps.store.targets.get(target))?.record;
    const roles: Array<
      Pick<GenerationRole, 'generation' | 'releaseId'> | undefined
    > = [
      record?.stable,
      record?.rollout?.candidate,
      ...(record?.draining ?? []),
      ...(record?.promoted ?? []),
    ];
    const releases = new Map<string, Pick<LogLine, 'releaseId' | 'version'>>();
    for (const generation of new Set(lines.map(line => line.generation))) {
      const role = roles.find(it => it?.generation === generation);
      if (generation && role) {
        const label = await this.#label(role.releaseId);
        releases.set(generation, {
          releaseId: role.releaseId,
          ...(label ? { version: label.version } : {}),
        });
      }
    }
    return lines.map(line => ({
      ...line,
      ...releases.get(line.generation ?? ''),
    }));
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
    const label: ReleaseLabel = {
      version: release.version,
      commitSha: release.commit.sha,
      steadyMetrics: new Map(
        (release.definition?.environments ?? []).map(({ ref, strategy }) => [
          ref,
          steadyMetrics(strategy),
        ]),
      ),
    };
    if (this.#labels.size >= MAX_LABELS) {
      this.#labels.clear();
    }
    this.#labels.set(releaseId, label);
    return label;
  }
}
