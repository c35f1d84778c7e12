import {
  Connection,
  Plan,
  PlanReference,
} from '@slipway/backstage-plugin-delivery-node';
import { referencesNow } from './referencesNow';

const plan: Plan = {
  id: 'p',
  target: { service: 'component:default/till', environment: 'staging' },
  releaseId: 'r',
  objects: [],
  images: {},
  replicas: 1,
  ignored: [],
  references: [
    { kind: 'Secret', name: 'till', restorable: false, version: '1' },
    { kind: 'Secret', name: 'till-v2', restorable: true, version: 'v2' },
  ],
};

function ask(
  inspect: () => Promise<{ references?: PlanReference[] }>,
  signal = new AbortController().signal,
) {
  const workloads = {
    inspect: async () => ({ replicas: 1, ignored: [], ...(await inspect()) }),
  };
  return referencesNow({
    plan,
    connection: { workloads } as unknown as Connection,
    signal,
  });
}

describe('what an older Plan refers to', () => {
  it('has the versions of now, where they are only observed', async () => {
    const references = await ask(async () => ({
      references: [
        { kind: 'Secret', name: 'till', restorable: false, version: '7' },
        { kind: 'Secret', name: 'till-v2', restorable: true, version: 'v9' },
      ],
    }));
    expect(references.map(({ version }) => version)).toEqual(['7', 'v2']);
  });

  it('has no version when it cannot be asked: that of then would be a wrong one', async () => {
    const references = await ask(async () => {
      throw new Error('the cluster is away');
    });
    expect(references).toEqual([
      { kind: 'Secret', name: 'till', restorable: false },
      { kind: 'Secret', name: 'till-v2', restorable: true, version: 'v2' },
    ]);
  });

  it('does not hold up what is in a hurry', async () => {
    jest.useFakeTimers();
    try {
      const asked = ask(() => new Promise(() => {}));
      await jest.advanceTimersByTimeAsync(3_000);
      await expect(asked).resolves.toMatchObject([
        { name: 'till', version: undefined },
        { name: 'till-v2' },
      ]);
    } finally {
      jest.useRealTimers();
    }
  });

  it('ends with the lease', async () => {
    const lost = new AbortController();
    const asked = ask(() => new Promise(() => {}), lost.signal);
    lost.abort(new Error('lost'));
    await expect(asked).rejects.toThrow('lost');
  });
});
