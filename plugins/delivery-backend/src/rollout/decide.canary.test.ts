import {
  CanaryModel,
  RollingModel,
} from '@slipway/backstage-plugin-delivery-common';
import { Simulation } from './testing';

const rolling: RollingModel = {
  type: 'rolling',
  maxSurge: { percent: 25 },
  maxUnavailable: { percent: 25 },
};
const canary: CanaryModel = {
  type: 'canary',
  steps: [
    { type: 'weight', percent: 10 },
    { type: 'weight', percent: 50 },
    { type: 'pause', durationMs: 10_000 },
    { type: 'weight', percent: 100 },
  ],
  scaleDownDelayMs: 30_000,
  rollbackWindow: 0,
};

describe('smoke', () => {
  it('initial, canary, rolling', () => {
    const sim = new Simulation();
    sim.start('v1', canary);
    sim.run(20_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
    expect(sim.rollout.reason?.code).toBe('initial');
    sim.start('v2', canary);
    sim.run(60_000, () => false);
    expect(sim.outcome).toBe('succeeded');
    sim.start('v3', rolling);
    sim.run(60_000, () => false);
    expect(sim.outcome).toBe('succeeded');
    sim.world.behave('v4', { neverReady: 'HTTP 503' });
    sim.start('v4', canary);
    sim.run(120_000, () => false);
    expect(sim.outcome).toBe('rolled-back');
  });
});
