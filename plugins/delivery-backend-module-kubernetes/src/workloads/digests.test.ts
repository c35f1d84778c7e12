import { InstanceState } from '@slipway/backstage-plugin-delivery-common';
import { Pod, PodOwner } from '../health';
import { IMAGES_ANNOTATION } from '../names';
import { createDigestCheck } from './digests';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const INDEX = digest('a');
const PLATFORM = digest('b');
const OTHER = digest('c');
const { signal } = new AbortController();

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'shop-1',
    creationTimestamp: '2026-11-24T12:00:00Z',
    annotations: {
      [IMAGES_ANNOTATION]: JSON.stringify({
        till: ['app', `registry.example/shop:1@${INDEX}`],
      }),
    },
  },
};
const deployment = (manager?: string): PodOwner => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'shop',
    managedFields: manager
      ? [
          {
            manager,
            operation: 'Update',
            time: '2026-11-24T12:00:00Z',
            fieldsV1: {
              'f:spec': {
                'f:template': { 'f:spec': { 'f:containers': {} } },
              },
            },
          },
        ]
      : [],
  },
});
const running = (found: string): InstanceState => ({
  id: 'shop-1',
  generation: 'one',
  phase: 'running',
  ready: true,
  restarts: 0,
  digests: { app: found },
});

describe('What a pod really runs', () => {
  const checked = createDigestCheck(async () => [PLATFORM]);
  const check = (found: string, by?: string, using = checked) =>
    using.check(running(found), { pod, deployment: deployment(by) }, signal);

  it('is what the record says: its index, or that index’ image of the node’s platform', async () => {
    for (const found of [INDEX, PLATFORM]) {
      const instance = await check(found);
      expect(instance).toEqual(running(INDEX));
    }
  });

  it('is told apart from anything else, with who changed it', async () => {
    expect(await check(OTHER, 'kubectl-set')).toMatchObject({
      digests: { app: OTHER },
      cause: {
        code: 'image-mismatch',
        evidence: expect.stringMatching(
          /runs sha256:c+; the record says sha256:a+\. .* changed by "kubectl-set" at 2026-11-24T12:00:00\.000Z/,
        ),
      },
    });
    expect((await check(OTHER)).cause?.evidence).toMatch(
      /a mutating admission has changed the pod/,
    );
  });

  it('is not known while the registry does not say what belongs to the index', async () => {
    const away = createDigestCheck(async () => {
      throw new Error('the registry is away');
    });
    const silent = createDigestCheck();
    for (const using of [away, silent]) {
      const instance = await check(OTHER, undefined, using);
      expect(instance).toEqual({ ...running(OTHER), digests: undefined });
    }
  });

  it.each([
    ['another digest', `registry.example/other:1@${OTHER}`],
    ['a tag', 'registry.example/other:1'],
  ])(
    'is known to be something else where the pod itself asks for %s, with or without a registry',
    async (_what, image) => {
      const rewritten = {
        ...pod,
        spec: { containers: [{ name: 'till', image }] },
      };
      for (const using of [createDigestCheck(), checked]) {
        const instance = await using.check(
          running(OTHER),
          { pod: rewritten, deployment: deployment() },
          signal,
        );
        expect(instance).toMatchObject({
          digests: { app: OTHER },
          cause: { code: 'image-mismatch' },
        });
      }
      // The same bytes by another name are the same.
      expect(
        await createDigestCheck().check(
          running(INDEX),
          { pod: rewritten, deployment: deployment() },
          signal,
        ),
      ).toEqual(running(INDEX));
    },
  );

  it('is told to who looks without asking the registry, once that was asked', async () => {
    let asked = 0;
    const seen = createDigestCheck(async () => {
      asked += 1;
      return [PLATFORM];
    });
    const objects = { pod, deployment: deployment() };
    expect(seen.isNeeded(running(INDEX), pod)).toBe(false);
    expect(seen.isNeeded(running(PLATFORM), pod)).toBe(true);
    expect(seen.glance(running(PLATFORM), objects).digests).toBeUndefined();
    await seen.learn(running(PLATFORM), pod, signal);
    expect(seen.isNeeded(running(PLATFORM), pod)).toBe(false);
    expect(seen.glance(running(PLATFORM), objects)).toEqual(running(INDEX));
    expect(seen.glance(running(OTHER), objects).cause?.code).toBe(
      'image-mismatch',
    );
    expect(asked).toBe(1);
  });
});
