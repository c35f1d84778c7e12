import { Finding } from '@slipway/backstage-plugin-delivery-common';
import { FINDINGS } from '../../testing';
import { groupFindings } from './groupFindings';

describe('groupFindings', () => {
  it('names the one version that ends every fixable finding of a package', () => {
    const later: Finding = {
      ...FINDINGS[1],
      id: 'later',
      fixedIn: ['5.0.0', '4.17.100'],
    };
    const [group] = groupFindings([...FINDINGS, later]);
    expect(group.findings).toHaveLength(3);
    // Compared as numbers: .100 is newer than .21.
    expect(group.fix).toBe('4.17.100');
  });

  it('puts what blocks first, whatever its severity, and promises no fix where none is known', () => {
    const critical: Finding = {
      ...FINDINGS[0],
      package: { name: 'other', version: '1.0.0' },
      decision: 'reported',
      fixedIn: undefined,
    };
    const blocking: Finding = { ...FINDINGS[1], decision: 'blocking' };
    const groups = groupFindings([critical, blocking]);
    expect(groups.map(it => it.package)).toEqual(['lodash', 'other']);
    expect(groups[1].fix).toBeUndefined();
  });
});
