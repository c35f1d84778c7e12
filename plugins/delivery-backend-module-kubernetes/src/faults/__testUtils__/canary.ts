import { DeploymentDetail } from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { KubeObject } from '../../client';
import { GENERATION_LABEL, TARGET_LABEL, targetLabel } from '../../names';
import { Load } from '../../testing';
import { EngineWorld } from '../../testing/__testUtils__/engineWorld';

export const quiet = new AbortController().signal;

/** The deployment of what serves before anything goes wrong. */
export async function bringFirst(engine: EngineWorld): Promise<string> {
  const release = await engine.release({ version: 'first' });
  const id = await engine.deploy(release.id);
  const { deployment } = await engine.ended(id);
  expect(deployment).toMatchObject({ outcome: 'succeeded' });
  await poll('users are answered', async () => {
    const { version } = await engine.world.request(engine.target);
    return version === 'first';
  });
  return id;
}

/** A canary that waits for a person at its first share of the traffic. */
export async function pausedCanary(
  engine: EngineWorld,
  version: string,
): Promise<string> {
  const release = await engine.release({ version });
  const id = await engine.deploy(release.id);
  const { deployment } = await engine.until(
    id,
    'the canary waits',
    ({ status }) => status === 'paused',
  );
  expect(deployment).toMatchObject({ status: 'paused' });
  return id;
}

function sayWhen(event: DeploymentDetail['events'][number]): string {
  return [new Date(event.atMs).toISOString(), event.type, event.message].join(
    ' ',
  );
}

/** Nothing was lost, and in the end this version alone answers. */
export async function expectServed(
  load: Load,
  version: string,
  during?: DeploymentDetail,
): Promise<void> {
  const from = load.result.versions.length;
  await poll('requests at the end', async () => {
    return load.result.versions.length > from + 50;
  });
  const { failures, versions } = await load.stop();
  const steps = failures.length > 0 && during?.events.map(sayWhen);
  expect({ failures, steps }).toEqual({ failures: [], steps: false });
  expect([...new Set(versions.slice(-40))]).toEqual([version]);
}

/** Each step, and the end, is told once. */
export function expectNothingTwice({ events }: DeploymentDetail): void {
  const told = events
    .filter(({ type }) =>
      /^(rollout-started|step-started|rollout-finished|deployment-started)$/.test(
        type,
      ),
    )
    .map(({ type, message }) => `${type}: ${message}`);
  expect(told).toEqual([...new Set(told)]);
}

/** What there is of a kind that belongs to the target. */
export async function objectsOf(
  { world, target }: EngineWorld,
  apiVersion: string,
  kind: string,
): Promise<KubeObject[]> {
  const { items } = await world.client.list(
    { apiVersion, kind },
    {
      namespace: world.namespace,
      labelSelector: `${TARGET_LABEL}=${targetLabel(target)}`,
    },
    quiet,
  );
  return items.filter(({ metadata }) => !metadata.deletionTimestamp);
}

/** Deployments by generation: a uid changes when one was made a second time. */
export async function uidsOf(
  engine: EngineWorld,
): Promise<Record<string, string>> {
  const deployments = await objectsOf(engine, 'apps/v1', 'Deployment');
  return Object.fromEntries(
    deployments.map(({ metadata }) => [
      metadata.labels?.[GENERATION_LABEL] ?? metadata.name,
      metadata.uid ?? '',
    ]),
  );
}

/** Whether one generation is left, with one of each thing that belongs to it. */
export async function isOneGeneration(engine: EngineWorld): Promise<boolean> {
  const deployments = await objectsOf(engine, 'apps/v1', 'Deployment');
  const services = await objectsOf(engine, 'v1', 'Service');
  const maps = await objectsOf(engine, 'v1', 'ConfigMap');
  const contents = maps.filter(
    ({ metadata }) => !metadata.name.startsWith('slipway-'),
  );
  return (
    deployments.length === 1 && services.length === 2 && contents.length === 1
  );
}

/** Errors: when it does not come to that. */
export async function expectOneGeneration(engine: EngineWorld): Promise<void> {
  await poll('one generation is left, with what it needs', () =>
    isOneGeneration(engine),
  );
}

/** Names of what is made of a kind from now on, whoever makes it. */
export async function recordMade(
  { world }: EngineWorld,
  kind: { apiVersion: string; kind: string },
): Promise<{ names: string[]; stop(): Promise<void> }> {
  const { client, namespace } = world;
  const { resourceVersion } = await client.list(kind, { namespace }, quiet);
  const names: string[] = [];
  const watching = new AbortController();
  const watched = client
    .watch(
      kind,
      { namespace, resourceVersion, timeoutSeconds: 600 },
      event => {
        if (event.type === 'ADDED') {
          names.push(event.object.metadata.name);
        }
      },
      watching.signal,
    )
    .catch((error: unknown) => {
      if (!watching.signal.aborted) {
        throw error;
      }
    });
  return {
    names,
    async stop() {
      watching.abort();
      await watched;
    },
  };
}
