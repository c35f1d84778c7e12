import { ManagedFieldsEntry } from '../client';
import { PodOwner } from '../health';
import {
  FIELD_MANAGER,
  IMAGES_ANNOTATION,
  REPLICAS_ANNOTATION,
  SCALED_ANNOTATION,
} from '../names';
import { editsOf, injectedContainers, rewrittenImages } from './drift';

const AT = '2026-11-24T10:00:00Z';
const OURS = 'registry.example.com/shop@sha256:aaa';
const THEIRS = 'registry.example.com/shop@sha256:bbb';
const IMAGE = {
  'f:template': {
    'f:spec': {
      'f:containers': { 'k:{"name":"app"}': { 'f:image': {} } },
    },
  },
};
const SECRET = {
  'f:template': {
    'f:spec': {
      'f:containers': {
        'k:{"name":"app"}': {
          'f:env': { 'k:{"name":"TOKEN"}': { 'f:value': {} } },
        },
      },
    },
  },
};

function entry(
  manager: string,
  spec: object,
  subresource?: string,
): ManagedFieldsEntry {
  return {
    manager,
    operation: 'Update',
    time: AT,
    ...(subresource && { subresource }),
    fieldsV1: { 'f:spec': spec },
  };
}

function deployment(options: {
  replicas?: number;
  image?: string;
  entries?: ManagedFieldsEntry[];
  scaled?: boolean;
}): PodOwner {
  const { replicas = 2, image = OURS, entries = [], scaled } = options;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'shop-g1',
      annotations: {
        [REPLICAS_ANNOTATION]: '2/2',
        ...(scaled && { [SCALED_ANNOTATION]: 'HorizontalPodAutoscaler/shop' }),
      },
      managedFields: [entry(FIELD_MANAGER, { 'f:paused': {} }), ...entries],
    },
    spec: {
      replicas,
      template: {
        metadata: {
          annotations: {
            [IMAGES_ANNOTATION]: JSON.stringify({ app: ['app', OURS] }),
          },
        },
        spec: { containers: [{ name: 'app', image }] },
      },
    },
  };
}

describe('What of a Deployment is not as we wrote it', () => {
  it('is nothing where it is', () => {
    expect(editsOf(deployment({}))).toEqual([]);
    expect(rewrittenImages(deployment({}))).toEqual([]);
  });

  it('is an image that somebody edited: with both, and who', () => {
    expect(
      editsOf(
        deployment({ image: THEIRS, entries: [entry('kubectl-set', IMAGE)] }),
      ),
    ).toEqual([
      {
        kind: 'edited',
        about: 'Deployment/shop-g1',
        message:
          'Deployment "shop-g1": .spec.template.spec.containers[name="app"].image was changed',
        by: 'kubectl-set',
        atMs: Date.parse(AT),
        fields: [
          {
            field: '.spec.template.spec.containers[name="app"].image',
            expected: OURS,
            found: THEIRS,
          },
        ],
      },
    ]);
  });

  it('is any other field, without its value: it may be a secret', () => {
    const [drift] = editsOf(
      deployment({ entries: [entry('kubectl-edit', SECRET)] }),
    );
    expect(drift.fields).toEqual([
      {
        field:
          '.spec.template.spec.containers[name="app"].env[name="TOKEN"].value',
      },
    ]);
  });

  it('is another number of instances, by kubectl scale', () => {
    expect(
      editsOf(
        deployment({
          replicas: 5,
          entries: [entry('kubectl', { 'f:replicas': {} }, 'scale')],
        }),
      ),
    ).toEqual([
      {
        kind: 'edited',
        about: 'Deployment/shop-g1',
        message: 'Deployment "shop-g1": .spec.replicas was set from 2 to 5',
        by: 'kubectl',
        atMs: Date.parse(AT),
        fields: [{ field: '.spec.replicas', expected: '2', found: '5' }],
      },
    ]);
  });

  it('is a 0 of which nobody knows who wrote it', () => {
    const [drift] = editsOf(deployment({ replicas: 0 }));
    expect(drift).not.toHaveProperty('by');
    expect(drift.message).toMatch(/from 2 to 0 \(kubectl scale/);
  });

  it.each<[string, Parameters<typeof deployment>[0]]>([
    [
      'autoscalers',
      {
        replicas: 5,
        entries: [
          entry('kube-controller-manager', { 'f:replicas': {} }, 'scale'),
        ],
      },
    ],
    [
      'scalers of the Plan',
      {
        replicas: 5,
        scaled: true,
        entries: [entry('keda-operator', { 'f:replicas': {} }, 'scale')],
      },
    ],
    ['nobody that is known', { replicas: 5 }],
  ])('is no number that is written by %s', (_who, options) => {
    expect(editsOf(deployment(options))).toEqual([]);
  });

  it('is an image that nobody edited: an admission rewrites what is written', () => {
    expect(rewrittenImages(deployment({ image: THEIRS }))).toEqual([
      expect.objectContaining({
        kind: 'admission',
        message: expect.stringMatching(/a mutating admission changes/),
        fields: [
          {
            field: '.spec.template.spec.containers[name="app"].image',
            expected: OURS,
            found: THEIRS,
          },
        ],
      }),
    ]);
  });

  it('is a container that nobody has written: told as an admission, and no edit', () => {
    const ours = entry(FIELD_MANAGER, IMAGE);
    const injected = deployment({ entries: [ours] });
    injected.spec?.template?.spec?.containers?.push({
      name: 'proxy',
      image: 'proxy:1',
    });
    expect(injectedContainers(deployment({ entries: [ours] }))).toEqual([]);
    expect(editsOf(injected)).toEqual([]);
    expect(injectedContainers(injected)).toEqual([
      expect.objectContaining({
        kind: 'admission',
        message: expect.stringMatching(/container "proxy" was added/),
        fields: [
          {
            field: '.spec.template.spec.containers[name="proxy"]',
            found: 'proxy:1',
          },
        ],
      }),
    ]);
    // Written by somebody, it is that one's; and where nobody knows who wrote what, nothing is said.
    const byHand = entry('kubectl-patch', {
      'f:template': {
        'f:spec': { 'f:containers': { 'k:{"name":"proxy"}': { '.': {} } } },
      },
    });
    injected.metadata.managedFields?.push(byHand);
    expect(injectedContainers(injected)).toEqual([]);
    injected.metadata.managedFields = [];
    expect(injectedContainers(injected)).toEqual([]);
  });
});
