import { ServiceUnavailableError } from '@backstage/errors';
import {
  JobState,
  Observed,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { Jobs, PlanObjects } from '@slipway/backstage-plugin-delivery-node';
import {
  assertWritable,
  fencedApply,
  fencedDelete,
  fencedPatch,
  WriteContext,
} from '../apply';
import {
  KubeApiError,
  KubeClient,
  KubeObject,
  KubeUnreachableError,
  refOf,
  tail,
} from '../client';
import { ClusterAccess } from '../clusterAccess';
import { mapping, mappings, textOf } from '../plan';
import {
  ROLE_LABEL,
  RUN_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
} from '../names';
import {
  JOB_ANNOTATION,
  JOB_ROLE,
  jobOf,
  runManifest,
  runName,
} from './jobManifest';
import { readJobState } from './jobState';

const JOB = { apiVersion: 'batch/v1', kind: 'Job' };
/** Ended runs of one Job that are kept, for people and for their logs. */
const KEPT_RUNS = 5;
const LAST_LINES = 20;
const LAST_BYTES = 64 * 1024;
/** A line that is longer is cut. */
const MAX_LINE = 1_000;

/**
 * Hooks as Jobs of the cluster. A run is a Job whose name holds a hash of its
 * key, made by POST, so it exists once; what the Plan's pods need is applied
 * before (phase `before`, which only adds).
 */
export function createJobs(options: {
  cluster: ClusterAccess;
  objects: Pick<PlanObjects, 'apply'>;
}): Jobs {
  const { cluster, objects } = options;
  const { client } = cluster;

  async function find(
    target: TargetRef,
    key: string,
    signal: AbortSignal,
  ): Promise<{ namespace: string; runs: KubeObject[]; run?: KubeObject }> {
    const namespace = await cluster.namespaceOf(target);
    const { items } = await client.list(
      JOB,
      {
        namespace,
        labelSelector: `${TARGET_LABEL}=${targetLabel(
          target,
        )},${ROLE_LABEL}=${JOB_ROLE}`,
      },
      signal,
    );
    return {
      namespace,
      runs: items,
      run: items.find(item => keyOf(item) === key),
    };
  }

  return {
    fencing: 'compare-and-set',
    async inspect(planObjects, _images, _target, job) {
      jobOf({ objects: planObjects }, job);
    },
    async start(target, fence, plan, job, key, signal) {
      const { namespace, runs, run } = await find(target, key, signal);
      const context = { client, target, namespace, fence, signal };
      runs.forEach(existing => assertWritable(context, existing));
      if (run) {
        return;
      }
      const other = runs.find(
        existing =>
          !existing.metadata.deletionTimestamp &&
          readJobState(existing).phase === 'running',
      );
      if (other) {
        throw new ServiceUnavailableError(
          `The job "${
            other.metadata.annotations?.[JOB_ANNOTATION] ?? other.metadata.name
          }" of an earlier deployment still runs; this one begins when it has ended`,
        );
      }
      await objects.apply(target, fence, plan, 'before', signal);
      await fencedApply(
        context,
        { ...JOB, name: runName(job, key), namespace },
        existing =>
          existing ? undefined : runManifest({ plan, job, key, namespace }),
        { ownName: true },
      );
      await removeOld(context, runs, job);
    },
    async observe(target, key, signal) {
      const observedAtMs = Date.now();
      try {
        const { run } = await find(target, key, signal);
        const known = run
          ? await describe(client, run, signal)
          : { phase: 'absent' as const };
        return { known, observedAtMs, reflects: 0 };
      } catch (error) {
        return unknown(error);
      }
    },
    async stop(target, fence, key, signal) {
      const { namespace, run } = await find(target, key, signal);
      if (!run || readJobState(run).phase !== 'running') {
        return;
      }
      // The Job controller ends its pods gracefully, and calls it failed.
      await fencedPatch(
        { client, target, namespace, fence, signal },
        refOf(run),
        () => ({ spec: { activeDeadlineSeconds: 1 } }),
        { existing: run },
      );
    },
  };
}

function keyOf({ metadata }: KubeObject): string | undefined {
  return metadata.annotations?.[RUN_ANNOTATION];
}

function unknown(error: unknown): Observed<JobState> {
  if (error instanceof KubeApiError || error instanceof KubeUnreachableError) {
    return { unknown: error.message, sinceMs: Date.now() };
  }
  throw error;
}

async function removeOld(
  context: WriteContext,
  runs: KubeObject[],
  job: string,
): Promise<void> {
  const ended = newestFirst(
    runs.filter(
      run =>
        run.metadata.annotations?.[JOB_ANNOTATION] === job &&
        !run.metadata.deletionTimestamp &&
        readJobState(run).phase !== 'running',
    ),
  );
  for (const old of ended.slice(KEPT_RUNS - 1)) {
    await fencedDelete(context, refOf(old), { existing: old });
  }
}

/** With the last lines of its newest pod once it has ended. */
async function describe(
  client: KubeClient,
  run: KubeObject,
  signal: AbortSignal,
): Promise<JobState> {
  const state = readJobState(run);
  if (state.phase === 'running') {
    return state;
  }
  const { name, namespace } = run.metadata;
  const { items: pods } = await client.list(
    { apiVersion: 'v1', kind: 'Pod' },
    { namespace, labelSelector: `batch.kubernetes.io/job-name=${name}` },
    signal,
  );
  const [newest] = newestFirst(pods);
  return newest
    ? { ...state, lastLines: await lastLines(client, newest, signal) }
    : state;
}

function newestFirst(objects: KubeObject[]): KubeObject[] {
  return [...objects].sort((a, b) =>
    (b.metadata.creationTimestamp ?? '').localeCompare(
      a.metadata.creationTimestamp ?? '',
    ),
  );
}

async function lastLines(
  client: KubeClient,
  pod: KubeObject,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const { name, namespace = '' } = pod.metadata;
  const lines: string[] = [];
  try {
    for (const container of mappings(mapping(pod.spec).containers)) {
      for await (const line of tail(
        client,
        { namespace, name },
        {
          container: textOf(container.name) ?? '',
          tailLines: LAST_LINES,
          limitBytes: LAST_BYTES,
        },
        signal,
      )) {
        lines.push(line.slice(0, MAX_LINE));
      }
    }
  } catch (error) {
    if (error instanceof KubeApiError) {
      // Its container never started, or its log is gone: what is said stays.
      return undefined;
    }
    throw error;
  }
  return lines.slice(-LAST_LINES);
}
