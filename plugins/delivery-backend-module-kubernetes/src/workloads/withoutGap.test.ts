import { PodOwner } from '../health';
import { GENERATION_LABEL } from '../names';
import { KubePlan } from '../plan';
import { isBeingReplaced, tellRecreated } from './withoutGap';

function deployment(generation: string, status: PodOwner['status']): PodOwner {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'shop', labels: { [GENERATION_LABEL]: generation } },
    spec: { replicas: 2 },
    status,
  };
}

describe('A Deployment that ends its pods before it makes new ones', () => {
  it('is being replaced while pods of another template serve', () => {
    const whole = { replicas: 2, updatedReplicas: 2 };
    expect(isBeingReplaced(undefined, 'one')).toBe(false);
    expect(isBeingReplaced(deployment('one', whole), 'one')).toBe(false);
    expect(isBeingReplaced(deployment('old', whole), 'one')).toBe(true);
    expect(isBeingReplaced(deployment('old', {}), 'one')).toBe(false);
    expect(
      isBeingReplaced(
        deployment('one', { replicas: 3, updatedReplicas: 1 }),
        'one',
      ),
    ).toBe(true);
  });

  it('is told to whoever wrote it, with its place', () => {
    const planOf = (strategy?: object) => {
      const object = deployment('one', {});
      return {
        workload: { ...object, spec: { ...object.spec, strategy } },
        items: [{ object, place: 'deploy.yaml:3' }],
      } as unknown as KubePlan;
    };
    expect(tellRecreated(planOf({ type: 'Recreate' }))).toMatch(
      /^deploy.yaml:3: spec.strategy.type "Recreate" is not heeded/,
    );
    expect(tellRecreated(planOf({ type: 'RollingUpdate' }))).toBeUndefined();
    expect(tellRecreated(planOf())).toBeUndefined();
  });
});
