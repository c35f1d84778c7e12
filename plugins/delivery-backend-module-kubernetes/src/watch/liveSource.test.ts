import { mockServices } from '@backstage/backend-test-utils';
import {
  InstanceState,
  Observed,
  stringifyTarget,
  TargetRef,
  TargetSurroundings,
} from '@slipway/backstage-plugin-delivery-common';
import { InstanceNews } from '@slipway/backstage-plugin-delivery-node';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import {
  GENERATION_LABEL,
  REVISION_ANNOTATION,
  ROLE_LABEL,
  TARGET_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
} from '../names';
import { ClusterWatch, createClusterWatch } from './clusterWatch';
import { createLiveSource } from './liveSource';
import {
  FakeApiServer,
  startFakeApiServer,
} from './__testUtils__/fakeApiServer';
import { WatchTiming } from './timing';
import { WATCHED_KINDS } from './watchedKinds';

jest.setTimeout(60_000);

const target: TargetRef = {
  service: 'component:default/checkout',
  environment: 'production',
};
const label = targetLabel(target);

/** So short that nothing has to be waited for; a loaded machine only makes it later. */
const QUICK: Partial<WatchTiming> = {
  openMs: 2_000,
  quietMs: 1_000,
  graceMs: 300,
  backOffMs: 10,
  maxBackOffMs: 50,
  absentMs: 100,
};

describe('what runs, from the watch of a cluster', () => {
  let api: FakeApiServer;
  let watch: ClusterWatch;
  let ended: AbortController;
  let seen: Array<Observed<InstanceState[]>>;
  let others: string[];
  let beside: Array<Observed<TargetSurroundings>>;
  let news: InstanceNews[];

  beforeEach(async () => {
    api = await startFakeApiServer();
    ended = new AbortController();
    seen = [];
    others = [];
    beside = [];
    news = [];
  });

  afterEach(async () => {
    ended.abort();
    await api.close();
  });

  function begin(
    timing: Partial<WatchTiming> = {},
    readers = 1,
    kindsToo: string[] = [],
  ) {
    const cluster = {
      name: 'fake',
      client: api.client,
      namespaceOf: async () => 'shop',
    };
    const logger = mockServices.logger.mock();
    watch = createClusterWatch({
      cluster,
      logger,
      kinds: WATCHED_KINDS.filter(({ kind }) =>
        ['Pod', 'Deployment', 'Node', 'HTTPRoute', ...kindsToo].includes(kind),
      ),
      timing: { ...QUICK, ...timing },
    });
    const live = createLiveSource({ cluster, watch, logger });
    const onChange = (of: TargetRef, state: Observed<InstanceState[]>) => {
      if (stringifyTarget(of) === stringifyTarget(target)) {
        seen.push(state);
      } else {
        others.push(stringifyTarget(of));
      }
    };
    const onNews = (told: InstanceNews) => news.push(told);
    const onSurroundings = (
      _: TargetRef,
      state: Observed<TargetSurroundings>,
    ) => beside.push(state);
    for (let n = 0; n < readers; n += 1) {
      live.watch(onChange, ended.signal, onNews, onSurroundings);
    }
  }

  function deployment(revision = 1, annotation = stringifyTarget(target)) {
    api.put('deployments', {
      metadata: {
        name: 'checkout-g1',
        generation: 1,
        labels: {
          [TARGET_LABEL]: label,
          [GENERATION_LABEL]: 'g1',
          [ROLE_LABEL]: 'workload',
        },
        annotations: {
          [TARGET_ANNOTATION]: annotation,
          [REVISION_ANNOTATION]: `${revision}`,
        },
      },
      spec: { replicas: 1 },
      status: { observedGeneration: 1 },
    });
  }

  function pod(name: string, ready: boolean, namespace = 'shop') {
    api.put('pods', {
      metadata: {
        name,
        namespace,
        labels: { [TARGET_LABEL]: label, [GENERATION_LABEL]: 'g1' },
        managedFields: [{ manager: 'kubelet', fieldsV1: { secret: {} } }],
      },
      spec: { containers: [{ name: 'app' }], nodeName: 'node1' },
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
        containerStatuses: [
          { name: 'app', ready, state: { running: {} }, restartCount: 0 },
        ],
      },
    });
  }

  const last = () => seen.at(-1);
  const ready = () => {
    const state = last();
    return state && 'known' in state
      ? state.known.filter(instance => instance.ready).map(({ id }) => id)
      : undefined;
  };
  const untilReady = (...ids: string[]) =>
    poll(`${ids} ready`, async () => ready()?.join() === ids.join());
  const lists = () => api.requests.filter(text => text.startsWith('LIST pods'));

  it('tells what is there, every change and the end of it, with the revision that it reflects', async () => {
    deployment(3);
    pod('one', true);
    begin();
    await untilReady('one');
    expect(last()).toMatchObject({ reflects: 3 });
    pod('two', true);
    await untilReady('one', 'two');
    api.remove('pods', 'one');
    await untilReady('two');
    api.remove('pods', 'two');
    await poll('nothing runs', async () => ready()?.length === 0);
  });

  it('tells once more when a controller is done though no instance changes, and not of its counting', async () => {
    const counted = (updatedReplicas: number, observedGeneration = 1) =>
      api.put('deployments', {
        metadata: {
          name: 'checkout-g1',
          generation: 1,
          labels: {
            [TARGET_LABEL]: label,
            [GENERATION_LABEL]: 'g1',
            [ROLE_LABEL]: 'workload',
          },
          annotations: { [TARGET_ANNOTATION]: stringifyTarget(target) },
        },
        spec: { replicas: 2 },
        status: {
          observedGeneration,
          replicas: 2,
          updatedReplicas,
          availableReplicas: 2,
        },
      });
    counted(0);
    pod('one', true);
    begin();
    await untilReady('one');
    await poll('the watches', async () => api.openWatches() === 3);
    const before = seen.length;
    counted(1);
    counted(2);
    await poll('it is told', async () => seen.length > before);
    counted(2);
    pod('two', true);
    await untilReady('one', 'two');
    expect(seen).toHaveLength(before + 2);
  });

  it('goes on where a cut stream ended, without listing again and without losing what happened meanwhile', async () => {
    deployment();
    pod('one', true);
    begin();
    await untilReady('one');
    await poll('the watches', async () => api.openWatches() === 3);
    api.cut();
    pod('two', true);
    api.remove('pods', 'one');
    await untilReady('two');
    expect(lists()).toHaveLength(1);
    expect(seen.every(state => 'known' in state)).toBe(true);
  });

  it('lists again when the server has forgotten the point (410), and notices what went away unseen', async () => {
    deployment();
    pod('one', true);
    pod('two', true);
    begin();
    await untilReady('one', 'two');
    await poll('the watches', async () => api.openWatches() === 3);
    api.mode = 'silent';
    api.remove('pods', 'one');
    pod('three', true);
    api.compact();
    api.cut();
    api.mode = 'well';
    await untilReady('two', 'three');
    expect(lists().length).toBeGreaterThan(1);
  });

  it('finds out that a watch is dead though its connection lives, begins it again, and has missed nothing', async () => {
    deployment();
    pod('one', true);
    begin();
    await untilReady('one');
    await poll('the watches', async () => api.openWatches() === 3);
    api.mode = 'silent';
    pod('two', true);
    const before = api.requests.length;
    await poll('another watch', async () => api.requests.length > before + 3);
    api.mode = 'well';
    await untilReady('one', 'two');
    expect(lists()).toHaveLength(1);
  });

  it('keeps a watch that brings bookmarks only', async () => {
    deployment();
    pod('one', true);
    begin({ quietMs: 5_000 });
    await untilReady('one');
    await poll('the watches', async () => api.openWatches() === 3);
    const before = api.requests.filter(text => /pods/.test(text)).length;
    const until = Date.now() + 6_000;
    await poll(
      'longer than the limit',
      async () => {
        api.bookmark();
        return Date.now() > until;
      },
      20_000,
    );
    expect(api.requests.filter(text => /pods/.test(text))).toHaveLength(before);
  });

  it.each(['down', 'hanging'] as const)(
    'says unknown when the API server is %s, and what is there as soon as it is back',
    async mode => {
      deployment();
      pod('one', true);
      begin({ openMs: 300 });
      await untilReady('one');
      api.mode = mode;
      api.cut();
      const state = await poll('unknown', async () => {
        const now = last();
        return now && 'unknown' in now && now;
      });
      expect(state.unknown).toMatch(/The watch of \w+ on cluster fake is lost/);
      pod('two', true);
      api.mode = 'well';
      await untilReady('one', 'two');
    },
  );

  it('asks the cluster the same whether nobody reads or a hundred do', async () => {
    deployment();
    pod('one', true);
    begin({}, 100);
    await poll('a hundred were told', async () => seen.length >= 100);
    expect(lists()).toHaveLength(1);
    expect(api.requests.filter(text => text === 'WATCH pods')).toHaveLength(1);
  });

  it('does not believe an object that says it is of another target, nor pods of a namespace that the platform has not given', async () => {
    deployment(1, 'component:default/bank@production');
    pod('forged', true);
    begin();
    await poll('it was read', async () => watch.labels().length === 1);
    deployment(1);
    pod('foreign', true, 'elsewhere');
    await untilReady('forged');
    expect(others).toEqual([]);
  });

  it('tells what is wrong beside the instances, until it is put right, and that it is unknown while it is not seen', async () => {
    deployment();
    pod('one', true);
    const service = (app: string) =>
      api.put('services', {
        metadata: {
          name: 'checkout',
          creationTimestamp: '2026-01-01T00:00:00Z',
          labels: { [TARGET_LABEL]: label, [ROLE_LABEL]: 'main-service' },
        },
        spec: { selector: { app } },
      });
    service('chekout');
    begin({}, 1, ['Service']);
    const causes = () => {
      const state = beside.at(-1);
      return state && 'known' in state ? state.known.causes : undefined;
    };
    await poll('the cause', async () => causes()?.length === 1, 30_000);
    expect(causes()).toMatchObject([
      {
        code: 'service-selects-nothing',
        level: 'error',
        about: 'Service/checkout',
        action: expect.stringMatching(/selector/),
        sinceMs: Date.parse('2026-01-01T00:00:00Z'),
      },
    ]);
    api.put('pods', {
      metadata: {
        name: 'one',
        labels: {
          [TARGET_LABEL]: label,
          [GENERATION_LABEL]: 'g1',
          app: 'checkout',
        },
      },
      spec: { containers: [{ name: 'app' }] },
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    });
    service('checkout');
    await poll('it is put right', async () => causes()?.length === 0);
    api.mode = 'down';
    api.cut();
    await poll('unknown', async () => {
      const state = beside.at(-1);
      return state && 'unknown' in state;
    });
  });

  it('tells a target that its node is lost, back, about to be drained and gone, each once, and nobody else', async () => {
    const node = (status: 'True' | 'Unknown', more = {}) =>
      api.put('nodes', {
        metadata: { name: 'node1', namespace: undefined },
        spec: more,
        status: {
          conditions: [
            {
              type: 'Ready',
              status,
              message: 'Kubelet stopped posting node status.',
              lastTransitionTime: new Date().toISOString(),
            },
          ],
        },
      });
    node('True');
    deployment();
    pod('one', true);
    begin();
    await untilReady('one');
    await poll('the watches', async () => api.openWatches() === 3);
    const types = () => news.map(({ type }) => type);
    node('Unknown');
    await poll('lost', async () => types().length === 1);
    expect(news[0]).toMatchObject({
      type: 'node-lost',
      target,
      message: expect.stringMatching(/node1 does not answer.*; one run there/),
      reason: { evidence: 'Kubelet stopped posting node status.' },
    });
    node('Unknown');
    node('True');
    await poll('back', async () => types().length === 2);
    node('True', { unschedulable: true });
    await poll('cordoned', async () => types().length === 3);
    api.remove('nodes', 'node1');
    await poll('gone', async () => types().length === 4);
    expect(types()).toEqual([
      'node-lost',
      'node-back',
      'node-cordoned',
      'node-lost',
    ]);
  });

  it('keeps no managed fields in memory, and treats a kind that is not served as having none', async () => {
    deployment();
    pod('one', true);
    begin();
    await untilReady('one');
    expect(JSON.stringify(watch.all('Pod'))).not.toContain('managedFields');
    await poll('routes are absent', async () =>
      watch
        .status()
        .some(
          ({ kind, status }) =>
            kind === 'HTTPRoute' && status.state === 'absent',
        ),
    );
    expect(watch.lost()).toBeUndefined();
  });
});
