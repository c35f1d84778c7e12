import { isKnown } from '@slipway/backstage-plugin-delivery-common';
import {
  DIGEST_172,
  DIGEST_180,
  SERVICE,
  canaryTarget,
  instance,
  unknownTarget,
} from '../testing';
import { applyToTargets, sameDigest, trackRows } from './target';

describe('what a target view says', () => {
  it('counts an instance as the same digest only when it is known to run it', () => {
    const target = canaryTarget();
    if (!isKnown(target.workloads)) {
      throw new Error('the fixture knows its workloads');
    }
    target.workloads.known.generations[1].instances = [
      instance('right', 'g180', DIGEST_180),
      instance('other', 'g180', DIGEST_172),
      instance('silent', 'g180', DIGEST_180, { digests: undefined }),
      instance('gone', 'g180', DIGEST_180, { phase: 'stopped' }),
    ];
    expect(sameDigest(target, 'release-180')).toEqual({ same: 1, total: 3 });
    expect(sameDigest(unknownTarget(), 'release-172')).toBeUndefined();
  });

  it('leaves traffic unknown where it is, and says 0 only where shares are known', () => {
    const [stable] = trackRows(unknownTarget());
    expect(stable).toMatchObject({ track: 'stable', state: undefined });
    expect(stable.askedPercent).toBeUndefined();
    const target = canaryTarget();
    if (isKnown(target.traffic)) {
      target.traffic.known.accepted = [{ generation: 'g172', percent: 100 }];
    }
    expect(trackRows(target).map(row => row.askedPercent)).toEqual([100, 0]);
  });

  it('applies instances to their target only, and unknown as unknown', () => {
    const target = canaryTarget();
    const event = {
      id: '1',
      kind: 'instances' as const,
      subject: `${SERVICE}@production`,
      instances: { unknown: 'the watch broke', sinceMs: 5 },
    };
    expect(applyToTargets([target], event)?.[0].workloads).toEqual(
      event.instances,
    );
    expect(
      applyToTargets([target], { ...event, subject: `${SERVICE}@staging` }),
    ).toBeUndefined();
    expect(
      applyToTargets([target], { ...event, kind: 'target' }),
    ).toBeUndefined();
  });
});
