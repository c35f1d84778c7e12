import { createHash } from 'node:crypto';
import {
  DefinitionModel,
  EnvironmentModel,
  ServiceRef,
  StrategyModel,
} from '@slipway/backstage-plugin-delivery-common';
import { Plan } from '@slipway/backstage-plugin-delivery-node';
import { EnvironmentConfig } from '../../definition';
import { ReleaseRow } from '../../store';
import { Rooms } from '../types';
import { FakeWorld } from './fakeWorld';

const sha256 = (text: string) =>
  createHash('sha256').update(text).digest('hex');

/** 10 %, an analysis, 50 %, everything. */
export const CANARY: StrategyModel = {
  type: 'canary',
  steps: [
    { type: 'weight', percent: 10 },
    {
      type: 'analysis',
      analysis: {
        durationMs: 1_000,
        intervalMs: 500,
        extendMs: 1_000,
        metrics: [
          {
            name: 'success-rate',
            unit: 'ratio',
            min: 0.99,
            minSamples: 10,
            noData: 'inconclusive',
            failureLimit: 0,
            consecutiveErrorLimit: 3,
          },
        ],
      },
    },
    { type: 'weight', percent: 50 },
    { type: 'weight', percent: 100 },
  ],
  scaleDownDelayMs: 300,
  rollbackWindow: 0,
};

export const ROLLING: StrategyModel = {
  type: 'rolling',
  maxSurge: { count: 1 },
  maxUnavailable: { count: 0 },
};

export function environmentConfig(
  name: string,
  options: Partial<EnvironmentConfig> = {},
): EnvironmentConfig {
  return {
    name,
    title: name,
    tier: name,
    connection: { type: 'fake', name: 'default' },
    automation: true,
    queue: 'supersede',
    policy: { block: [] },
    order: 0,
    ...options,
  };
}

export function environmentModel(
  ref: string,
  options: Partial<EnvironmentModel> = {},
): EnvironmentModel {
  return {
    ref,
    deploy: 'manual',
    manifests: { renderer: 'plain', path: 'deploy' },
    workloads: [],
    after: [],
    progressDeadlineMs: 60_000,
    strategy: CANARY,
    ...options,
  };
}

export function releaseRow(options: {
  id: string;
  service: ServiceRef;
  environments: EnvironmentModel[];
  createdAtMs: number;
  version?: string;
}): ReleaseRow {
  const definition: DefinitionModel = {
    apiVersion: 'delivery.slipway.dev/v1alpha1',
    name: 'svc',
    source: { paths: ['**'] },
    images: [],
    policy: { block: [] },
    environments: options.environments,
  };
  return {
    id: options.id,
    service: options.service,
    commit: {
      sha: sha256(options.id).slice(0, 40),
      message: `Commit of ${options.id}`,
      author: 'Ann',
      committedAtMs: options.createdAtMs,
    },
    version: options.version ?? options.id,
    status: 'ready',
    stages: [],
    images: [],
    createdBy: { type: 'user', ref: 'user:default/ann' },
    createdAtMs: options.createdAtMs,
    rowVersion: 1,
    checkpoint: {},
    definition,
    definitionProblems: [],
  };
}

/** Renders nothing but an identity; stores it as the release room does. */
export function fakeRenderPlan(world: FakeWorld): Rooms['renderPlan'] {
  return async ({ release, environment, store }) => {
    const plan: Plan = {
      id: sha256(`${release.id}@${environment}`),
      target: { service: release.service, environment },
      releaseId: release.id,
      objects: [],
      images: {
        app: `registry/app:${release.version}@sha256:${sha256(release.id)}`,
      },
      replicas: 2,
      ignored: [],
    };
    world.releaseOfPlan.set(plan.id, release.id);
    await store.plans.put(plan);
    return plan;
  };
}

/** The name that a release's generation has in an environment. */
export function generationOf(releaseId: string, environment: string): string {
  return `g${sha256(`${releaseId}@${environment}`).slice(0, 10)}`;
}
