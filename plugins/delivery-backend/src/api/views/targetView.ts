import {
  AnalysisVerdict,
  Deployment,
  EnvironmentView,
  MetricModel,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import type { TargetRow } from '../../store';
import { Observation } from '../../live';
import { driftView } from './drift';
import { targetHealth } from './health';
import { MayDo, targetVerbs } from './verbs';

/** What is known of the release that is stable. */
export interface ReleaseLabel {
  version: string;
  commitSha: string;
  /** What it is held to in the environment, by the environment's name. */
  steadyMetrics?: ReadonlyMap<string, MetricModel[]>;
}

export interface TargetViewParts {
  row: TargetRow;
  environment: EnvironmentView;
  /** Its connection has somebody to give the target back to. */
  canGiveBack: boolean;
  observation: Observation;
  stableRelease?: ReleaseLabel;
  /** Not terminal, oldest first. */
  open: Deployment[];
  last?: Deployment;
  verdicts: AnalysisVerdict[];
  may: MayDo;
  /** Found by the health watch, where nothing is measured for this view. */
  watchedHealth?: TargetView['health'];
}

/** The stored record and what was observed, merged into one box. */
export function targetView(parts: TargetViewParts): TargetView {
  const { row, observation } = parts;
  const { record } = row;
  const active = findActive(parts);
  return {
    service: row.target.service,
    environment: parts.environment,
    stable: record.stable && {
      ...record.stable,
      version: parts.stableRelease?.version ?? '',
      commitSha: parts.stableRelease?.commitSha ?? '',
      promotedAtMs: record.promoted.find(
        promoted => promoted.generation === record.stable?.generation,
      )?.atMs,
    },
    hold: row.hold,
    givingBack: record.giveBack,
    givenBack: record.stable ? undefined : record.givenBack,
    active,
    queued: parts.open.filter(deployment => deployment.id !== active?.id),
    last: parts.last,
    health:
      parts.watchedHealth ??
      targetHealth(
        record,
        active,
        observation.workloads,
        {
          tracks: observation.tracks,
          metrics:
            parts.stableRelease?.steadyMetrics?.get(row.target.environment) ??
            [],
        },
        observation.causes,
      ),
    workloads: observation.workloads,
    traffic: observation.traffic,
    causes: observation.causes,
    tracks: observation.tracks,
    verdicts: parts.verdicts,
    drift: driftView(record, observation.workloads, {
      mode: parts.environment.drift,
      hold: row.hold,
    }),
    operations: observation.operations,
    verbs: targetVerbs(
      {
        hold: row.hold,
        hasStable: record.stable !== undefined,
        hasHistory: record.promoted.some(
          promoted => promoted.generation !== record.stable?.generation,
        ),
        isForeign:
          row.foreignEpoch !== undefined ||
          record.conflict !== undefined ||
          (record.drift?.found.length ?? 0) > 0,
        canGiveBack: parts.canGiveBack,
        isGivingBack: record.giveBack !== undefined,
        isGiveBackOverdue: record.giveBack?.overdue !== undefined,
        active,
        last: parts.last,
      },
      parts.may,
    ),
    rowVersion: row.rowVersion,
  };
}

/** The deployment that has started; its rollout is the record's while it runs. */
function findActive(parts: TargetViewParts): Deployment | undefined {
  const { rollout } = parts.row.record;
  const active = parts.open.find(deployment =>
    rollout && rollout.phase !== 'finished'
      ? deployment.id === rollout.deploymentId
      : deployment.status !== 'queued' && deployment.status !== 'gated',
  );
  return active && withRollout(active, parts.row);
}

/** Fills in the live rollout when the deployment's own row has none yet. */
export function withRollout(
  deployment: Deployment,
  row: Pick<TargetRow, 'record'> | undefined,
): Deployment {
  const rollout = row?.record.rollout;
  if (deployment.rollout || rollout?.deploymentId !== deployment.id) {
    return deployment;
  }
  return { ...deployment, rollout };
}
