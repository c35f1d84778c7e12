import {
  Deployment,
  TargetView,
  isKnown,
} from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { Pod, PodOwner } from '../health';
import { GENERATION_LABEL } from '../names';
import { describeOnCluster, rewriteImages, Rewriting } from '../testing';
import {
  EngineWorld,
  openEngineWorld,
} from '../testing/__testUtils__/engineWorld';

jest.setTimeout(600_000);

const quiet = new AbortController().signal;
const digestOf = (reference: string) => String(reference.split('@')[1]);

/** Of each pod what is told, beside what the runtime says. */
function compared(view: TargetView, pods: Pod[]) {
  const { workloads } = view;
  if (!isKnown(workloads)) {
    throw new Error(workloads.unknown);
  }
  const instances = workloads.known.generations.flatMap(one => one.instances);
  return pods.flatMap(({ metadata, status }) => {
    const imageId = status?.containerStatuses?.[0].imageID;
    const told = instances.find(({ id }) => id === metadata.name);
    return imageId && told
      ? [{ told: told.digests?.app, runs: digestOf(imageId) }]
      : [];
  });
}

describeOnCluster('A mutating admission that rewrites images', () => {
  let engine: EngineWorld;
  let rewriting: Rewriting | undefined;
  /** What it rewrites to: an image that runs and answers. */
  let other: string;

  beforeAll(async () => {
    engine = await openEngineWorld({ drift: 'repair' });
    const { world } = engine;
    const plan = await world.plan(world.newTarget(), {
      version: 'other',
      route: false,
    });
    other = plan.images.app;
    const first = await engine.release({ version: 'first' });
    const { deployment } = await engine.ended(await engine.deploy(first.id));
    if (deployment.outcome !== 'succeeded') {
      throw new Error(`Nothing is stable: ${deployment.reason?.message}`);
    }
  });
  async function rewrite(resource: 'pods' | 'deployments', except?: string) {
    const { client, namespace } = engine.world;
    rewriting = await rewriteImages({
      client,
      namespace,
      resource,
      image: other,
      except,
    });
    return rewriting.name;
  }
  async function stopRewriting() {
    await rewriting?.remove();
    rewriting = undefined;
  }
  afterEach(stopRewriting);
  afterAll(async () => {
    await stopRewriting();
    await engine?.close();
  });

  async function podsOf(generation: string): Promise<Pod[]> {
    const { world } = engine;
    const { items } = await world.client.list(
      { apiVersion: 'v1', kind: 'Pod' },
      {
        namespace: world.namespace,
        labelSelector: `${GENERATION_LABEL}=${generation}`,
      },
      quiet,
    );
    return items.filter(({ metadata }) => !metadata.deletionTimestamp);
  }
  async function deploymentsRunning(image: string): Promise<PodOwner[]> {
    const { world } = engine;
    const { items } = await world.client.list(
      { apiVersion: 'apps/v1', kind: 'Deployment' },
      { namespace: world.namespace, labelSelector: GENERATION_LABEL },
      quiet,
    );
    return items.filter(({ spec }) => JSON.stringify(spec).includes(image));
  }
  const stable = async () => {
    const view = await engine.view();
    if (!view.stable) {
      throw new Error('Nothing is stable');
    }
    return view.stable;
  };

  /** What came of it, with the shares that it was ever given. */
  async function tried(version: string): Promise<Deployment> {
    const before = await stable();
    const load = engine.load();
    const release = await engine.release({ version });
    const { deployment } = await engine.ended(await engine.deploy(release.id));
    const { failures, versions } = await load.stop();
    expect(failures).toEqual([]);
    // Neither what was to run nor what ran instead was asked by a user.
    expect([...new Set(versions)]).toEqual(['first']);
    expect((await stable()).releaseId).toBe(before.releaseId);
    return deployment;
  }

  it('of pods: such a canary gets no request and is not promoted, and both digests are told', async () => {
    await rewrite('pods');
    const deployment = await tried('second');
    expect(deployment).toMatchObject({
      outcome: 'rolled-back',
      reason: { code: 'digest-mismatch' },
    });
    expect(deployment.reason?.evidence).toContain(`found ${digestOf(other)}`);
  });

  it('of Deployments: nor is such a one', async () => {
    // What is stable is written as well: that it is rewritten is another matter.
    await rewrite('deployments', (await stable()).generation);
    const deployment = await tried('third');
    expect(deployment).toMatchObject({
      outcome: 'rolled-back',
      reason: { code: 'digest-mismatch' },
    });
    expect(deployment.reason?.evidence).toContain(`found ${digestOf(other)}`);
    await poll('nothing of it is left, nor on its way out', async () => {
      const { drift } = await engine.view();
      return (
        (await deploymentsRunning(other)).length === 0 &&
        drift.instances.length === 0
      );
    });
  });

  it('of pods, at rest: it is drift, named with the policy, and left to a person, as writing again does not help', async () => {
    const { client, namespace } = engine.world;
    const { generation, deploymentId, digests } = await stable();
    await engine.commandTarget('release-hold');
    const policy = await rewrite('pods');
    const before = await podsOf(generation);
    for (const { metadata } of before) {
      await client.delete(
        { apiVersion: 'v1', kind: 'Pod', name: metadata.name, namespace },
        {},
        quiet,
      );
    }
    const told = await engine.told(deploymentId, 'drift-left');
    expect(told.reason).toMatchObject({ code: 'drift-by-admission' });
    expect(told.message).toContain(`MutatingAdmissionPolicy "${policy}"`);
    const view = await poll('each instance is accused', async () => {
      const now = await engine.view();
      return now.drift.instances.length === before.length && now;
    });
    expect(view.environment.drift).toBe('repair');
    expect(view.drift).toMatchObject({
      found: [
        {
          kind: 'admission',
          by: `MutatingAdmissionPolicy "${policy}"`,
          action: expect.stringMatching(/^Not put right by itself/),
        },
      ],
      left: { code: 'drift-by-admission' },
      repairedAtMs: [],
    });
    for (const { expected, found } of view.drift.instances) {
      expect(expected).toBe(digests.app);
      expect(found).toBe(digestOf(other));
    }
    // No digest of ours counts as running where the runtime says another.
    const instances = compared(view, await podsOf(generation));
    expect(instances).toHaveLength(before.length);
    expect(instances.filter(({ told: says, runs }) => says !== runs)).toEqual(
      [],
    );

    // Without the policy the next pods are what was deployed.
    await stopRewriting();
    for (const { metadata } of await podsOf(generation)) {
      await client.delete(
        { apiVersion: 'v1', kind: 'Pod', name: metadata.name, namespace },
        {},
        quiet,
      );
    }
    await engine.told(deploymentId, 'drift-gone');
    await poll(
      'those that ran something else have ended',
      async () => {
        const { drift } = await engine.view();
        return drift.found.length === 0 && drift.instances.length === 0;
      },
      60_000,
    );
  });
});
