import { DeploymentVerb } from '@slipway/backstage-plugin-delivery-common';
import { ANALYSIS, canary, Simulation } from './testing';

const STRATEGY = canary({
  steps: [
    { type: 'weight', percent: 25 },
    { type: 'pause' },
    { type: 'analysis', analysis: ANALYSIS },
  ],
});

/** A rollout brought to a state, by name. */
const STATES = {
  'waiting for instances': (sim: Simulation) => {
    sim.world.behave('v2', { readyAfterMs: 3_600_000 });
    sim.run(5_000);
  },
  'at a pause step': (sim: Simulation) => sim.run(20_000),
  'paused by a person': (sim: Simulation) => {
    sim.run(20_000);
    sim.command('pause');
    sim.tick();
  },
  'undecided analysis': (sim: Simulation) => {
    sim.run(20_000);
    sim.command('promote');
    sim.verdictOf = () => ({ verdict: 'inconclusive' });
    sim.run(30_000);
  },
  'world unknown for long': (sim: Simulation) => {
    sim.run(20_000);
    sim.command('promote');
    sim.run(2_000);
    sim.world.hide('both', 'connection refused', sim.nowMs);
    sim.run(900_000);
  },
  'going back': (sim: Simulation) => {
    sim.run(20_000);
    sim.shellIsAway = true;
    sim.command('abort');
    sim.tick();
  },
  over: (sim: Simulation) => {
    sim.run(20_000);
    sim.command('abort');
    sim.run(20_000);
  },
};

const VERBS: DeploymentVerb[] = [
  'promote',
  'promote-full',
  'skip-step',
  'pause',
  'resume',
  'retry',
  'abort',
  'cancel',
];

/** y: accepted, -: refused with what can be done instead. */
const TABLE: Array<[keyof typeof STATES, string]> = [
  //                          promote full skip pause resume retry abort cancel
  ['waiting for instances', '-y yy -- yy'],
  ['at a pause step', 'yy yy y- yy'],
  ['paused by a person', 'yy y- y- yy'],
  ['undecided analysis', 'yy y- -y yy'],
  ['world unknown for long', '-y y- yy yy'],
  ['going back', '-- -- -- yy'],
  ['over', '-- -- -- --'],
];

describe('verbs of people', () => {
  it.each(TABLE)('%s: %s', (state, row) => {
    const answers = VERBS.map(verb => {
      const sim = new Simulation();
      sim.start('v1', canary());
      sim.run(60_000, () => sim.outcome !== undefined);
      sim.start('v2', STRATEGY);
      STATES[state](sim);
      const id = sim.command(verb, 'because');
      sim.tick();
      const answer = sim.answer(id);
      expect(answer?.message).not.toBe('');
      return answer?.accepted ? 'y' : '-';
    });
    expect(answers.join('')).toBe(row.replaceAll(' ', ''));
  });

  it('a verb on another deployment does not touch the one that goes on', () => {
    const sim = new Simulation();
    sim.start('v1', canary());
    const id = sim.command('abort');
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.answer(id)?.accepted).toBe(false);
    expect(sim.outcome).toBe('succeeded');
  });

  it('a pause of a person holds the step, and a timed pause does not end it', () => {
    const sim = new Simulation();
    sim.start('v1', canary());
    sim.run(60_000, () => sim.outcome !== undefined);
    sim.start('v2', canary());
    sim.run(60_000, () => sim.at === 'pause');
    sim.command('pause');
    sim.run(60_000);
    expect(sim.at).toBe('pause');
    sim.command('resume');
    sim.tick();
    // Its own time is over long since.
    expect(sim.at).toBe('scale');
  });
});
