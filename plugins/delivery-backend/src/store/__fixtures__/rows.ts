import {
  Deployment,
  GenerationRole,
  TargetRef,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { DeliveryStore, Lease, ReleaseRow, ServiceRow } from '../types';

export const SHOP = 'component:default/checkout';
export const STAGING: TargetRef = { service: SHOP, environment: 'staging' };
export const PRODUCTION: TargetRef = {
  service: SHOP,
  environment: 'production',
};
export const STAGING_ID = stringifyTarget(STAGING);

export const ALICE = { type: 'user' as const, ref: 'user:default/alice' };

export function serviceRow(over: Partial<ServiceRow> = {}): ServiceRow {
  const ref = over.ref ?? SHOP;
  return {
    ref,
    title: 'Checkout',
    name: ref.split('/')[1],
    owner: 'group:default/payments',
    system: 'system:default/shop',
    repository: 'https://git.example.com/shop.git',
    definitionPath: 'delivery.yaml',
    ...over,
  };
}

let counter = 0;

export function releaseRow(over: Partial<ReleaseRow> = {}): ReleaseRow {
  counter += 1;
  return {
    id: `release-${counter}`,
    service: SHOP,
    commit: {
      sha: `${counter}`.padStart(40, '0'),
      message: 'Change the basket',
      author: 'Alice',
      committedAtMs: 1_000,
    },
    version: '1.0.0',
    status: 'queued',
    stages: [],
    images: [],
    createdBy: ALICE,
    createdAtMs: 1_000 + counter,
    rowVersion: 0,
    checkpoint: {},
    definitionProblems: [],
    ...over,
  };
}

export function deploymentRow(over: Partial<Deployment> = {}): Deployment {
  counter += 1;
  return {
    id: `deployment-${counter}`,
    ...STAGING,
    releaseId: 'release-1',
    releaseVersion: '1.0.0',
    commitSha: 'abc',
    kind: 'deploy',
    status: 'queued',
    cause: 'asked for',
    createdBy: ALICE,
    createdAtMs: 1_000 + counter,
    deadlineMs: 10_000_000,
    rowVersion: 0,
    ...over,
  };
}

export function roleOf(
  deployment: Deployment,
  planId = 'plan-1',
): GenerationRole {
  return {
    generation: `generation-of-${planId}`,
    planId,
    releaseId: deployment.releaseId,
    deploymentId: deployment.id,
    digests: {},
    replicas: 2,
  };
}

/** The service of the examples with its two targets. */
export async function addShop(store: DeliveryStore): Promise<void> {
  await store.services.upsertMany([serviceRow()]);
  const { owner, system } = serviceRow();
  await store.targets.ensureMany([
    { target: STAGING, tier: 'staging', owner, system },
    { target: PRODUCTION, tier: 'production', owner, system },
  ]);
}

/** Wakes the item and claims it; the test fails when that cannot be. */
export async function claimNow(
  store: DeliveryStore,
  kind: Lease['kind'],
  id: string,
  owner = 'worker-1',
): Promise<Lease> {
  await store.work.poke(kind, id);
  const leases = await store.work.claim({
    owner,
    limit: 1000,
    leaseMs: 60_000,
    kinds: [kind],
  });
  const lease = leases.find(candidate => candidate.id === id);
  if (!lease) {
    throw new Error(`Expected to claim ${kind} ${id}, got ${leases.length}`);
  }
  return lease;
}
