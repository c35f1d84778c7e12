import { createObserver, ObservedConnection } from './observe';

const TARGET = { service: 'component:default/shop', environment: 'production' };
const { signal } = new AbortController();

/** A connection that counts, and answers what the test says. */
function counting() {
  const state = {
    asked: { workloads: 0, traffic: 0, delegated: 0 },
    reflects: 7,
    fails: undefined as string | undefined,
  };
  const known = <T>(value: T) => ({
    known: value,
    observedAtMs: 0,
    reflects: state.reflects,
  });
  const connection: ObservedConnection = {
    workloads: {
      observe: async () => {
        state.asked.workloads += 1;
        return known({ generations: [] });
      },
    },
    traffic: {
      observe: async () => {
        state.asked.traffic += 1;
        if (state.fails) {
          throw new Error(state.fails);
        }
        return known({ accepted: [{ generation: 'one', percent: 100 }] });
      },
    },
    delegated: {
      observe: async () => {
        state.asked.delegated += 1;
        return known({ key: 'k', phase: 'running' as const, message: '' });
      },
    },
  };
  return { state, connection };
}

describe('A look while another controller leads', () => {
  let nowMs: number;
  /** Eyes that have seen nothing yet, on a world that counts. */
  function open() {
    const { state, connection } = counting();
    const eyes = createObserver({
      clock: { now: () => nowMs },
      callLimitMs: 1_000,
    });
    const look = (delegated = true, revision = 7) =>
      eyes.observe(TARGET, connection, { delegated, revision }, signal);
    return { state, eyes, look };
  }
  beforeEach(() => {
    nowMs = 1_000_000;
  });

  it('reads the traffic once a second, and everything else each time', async () => {
    const { state, look } = open();
    const first = await look();
    nowMs += 999;
    expect((await look()).traffic).toEqual(first.traffic);
    expect(state.asked).toEqual({ workloads: 2, traffic: 1, delegated: 2 });
    nowMs += 1;
    await look();
    expect(state.asked.traffic).toBe(2);
  });

  it('reads it again after a write of ours, and once nobody else leads any more', async () => {
    const { state, look } = open();
    await look(true, 7);
    await look(true, 8);
    state.reflects = 8;
    await look(true, 8);
    expect(state.asked.traffic).toBe(3);
    await look(false, 8);
    await look(false, 8);
    expect(state.asked.traffic).toBe(5);
    // What was read before somebody else led says nothing about now.
    await look(true, 8);
    expect(state.asked.traffic).toBe(6);
  });

  it('keeps nothing that is not known, and nothing of a target that is forgotten', async () => {
    const { state, eyes, look } = open();
    state.fails = 'the gateway is away';
    expect((await look()).traffic).toMatchObject({
      unknown: 'the gateway is away',
    });
    state.fails = undefined;
    expect((await look()).traffic).toMatchObject({ reflects: 7 });
    expect(state.asked.traffic).toBe(2);
    eyes.forget(TARGET);
    await look();
    expect(state.asked.traffic).toBe(3);
  });
});
