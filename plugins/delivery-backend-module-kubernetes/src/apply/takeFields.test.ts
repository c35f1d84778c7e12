import { ManagedFieldsEntry } from '../client';
import { fieldsOfOthers } from './owners';
import { withTaken } from './takeFields';

const OURS: ManagedFieldsEntry = {
  manager: 'slipway',
  operation: 'Apply',
  apiVersion: 'apps/v1',
  fieldsType: 'FieldsV1',
  time: '2026-11-24T10:00:00Z',
  fieldsV1: {
    'f:spec': {
      'f:template': {
        'f:metadata': { 'f:annotations': { 'f:slipway.dev/plan': {} } },
        'f:spec': {
          'f:containers': {
            'k:{"name":"app"}': {
              '.': {},
              'f:name': {},
              'f:env': { 'k:{"name":"OURS"}': { '.': {}, 'f:value': {} } },
            },
          },
        },
      },
    },
  },
};
const VARIABLE = { '.': {}, 'f:name': {}, 'f:value': {} };

function theirs(
  manager: string,
  template: object,
  more: Partial<ManagedFieldsEntry> = {},
): ManagedFieldsEntry {
  return {
    manager,
    operation: 'Update',
    apiVersion: 'apps/v1',
    fieldsType: 'FieldsV1',
    time: '2026-11-24T11:00:00Z',
    fieldsV1: { 'f:spec': { 'f:template': template } },
    ...more,
  };
}
const containers = (fields: object) => ({
  'f:spec': { 'f:containers': fields },
});

/** Everything below `spec` but what is called a note. */
const isTaken = (field: string) =>
  field.startsWith('.spec.') && !field.includes('restartedAt');

/** What is ours afterwards and was not before, and what is still another's. */
function taking(...entries: ManagedFieldsEntry[]) {
  const after = withTaken([OURS, ...entries], isTaken);
  if (!after) {
    return undefined;
  }
  const ours = after.filter(({ manager }) => manager === 'slipway');
  expect(ours).toHaveLength(1);
  expect(ours[0]).toMatchObject({ operation: 'Apply', apiVersion: 'apps/v1' });
  const as = (manager: string, all: ManagedFieldsEntry[]) =>
    all.map(entry => ({ ...entry, manager }));
  const gained = fieldsOfOthers([OURS, ...as('gained', ours)]).flatMap(
    ({ fields }) => fields,
  );
  return { gained, others: fieldsOfOthers(after) };
}

describe('Fields that others have added', () => {
  it('are taken by what addresses them: variables, containers and changed values alike', () => {
    expect(
      taking(
        theirs(
          'kubectl-set',
          containers({
            'k:{"name":"app"}': {
              'f:image': {},
              'f:env': {
                '.': {},
                'k:{"name":"FOO"}': VARIABLE,
                'k:{"name":"OURS"}': { 'f:value': {} },
              },
            },
          }),
        ),
        theirs(
          'kubectl-patch',
          containers({
            'k:{"name":"sidecar"}': { '.': {}, 'f:image': {}, 'f:name': {} },
          }),
        ),
      ),
    ).toEqual({
      gained: [
        '.spec.template.spec.containers[name="app"].env[name="FOO"].name',
        '.spec.template.spec.containers[name="app"].env[name="FOO"].value',
        '.spec.template.spec.containers[name="app"].image',
        '.spec.template.spec.containers[name="sidecar"].image',
        '.spec.template.spec.containers[name="sidecar"].name',
      ],
      others: [],
    });
  });

  it('stay with who has set them where they are no drift', () => {
    const annotations = (fields: object) => ({
      'f:metadata': { 'f:annotations': { '.': {}, ...fields } },
    });
    const note = 'f:kubectl.kubernetes.io/restartedAt';
    expect(
      taking(
        theirs('kubectl-rollout', annotations({ [note]: {}, 'f:note': {} })),
      ),
    ).toEqual({
      gained: ['.spec.template.metadata.annotations.note'],
      others: [
        expect.objectContaining({
          manager: 'kubectl-rollout',
          fields: [
            '.spec.template.metadata.annotations.kubectl.kubernetes.io/restartedAt',
          ],
        }),
      ],
    });
  });

  it.each<[string, ManagedFieldsEntry]>([
    [
      'the controller manager',
      theirs('kube-controller-manager', containers({ 'f:x': {} })),
    ],
    [
      'scalers and controllers, by a subresource',
      theirs('keda', containers({ 'f:x': {} }), { subresource: 'scale' }),
    ],
    [
      'somebody who writes them in another version',
      theirs('old', containers({ 'f:x': {} }), { apiVersion: 'apps/v1beta2' }),
    ],
    [
      'us as well',
      theirs(
        'kubectl-apply',
        containers({
          'k:{"name":"app"}': { '.': {}, 'f:name': {} },
        }),
      ),
    ],
  ])('are none where they are those of %s', (_who, entry) => {
    expect(taking(entry)).toBeUndefined();
  });

  it('are none of an object that we have never written', () => {
    const entry = theirs('kubectl', containers({ 'f:x': {} }));
    expect(withTaken([entry], isTaken)).toBeUndefined();
    expect(withTaken(undefined, isTaken)).toBeUndefined();
  });

  it('are as if applied also where we have only made the object so far', () => {
    const after = withTaken(
      [
        { ...OURS, operation: 'Update' },
        theirs('kubectl', containers({ 'f:hostNetwork': {} })),
      ],
      isTaken,
    );
    expect(after).toEqual([
      { ...OURS, operation: 'Update' },
      {
        ...OURS,
        fieldsV1: {
          'f:spec': {
            'f:template': containers({ 'f:hostNetwork': {} }),
          },
        },
      },
    ]);
  });
});
