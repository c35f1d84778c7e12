import { createServer, Server, ServerResponse } from 'node:http';
import { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { createKubeClient, KubeClient, KubeObject } from '../../client';

/**
 * An API server over real HTTP that can be made to fail in the ways that real
 * ones do and that cannot be made to happen on time: watches that die without
 * a word, 410, streams that are cut in the middle of a line.
 */
export interface FakeApiServer {
  client: KubeClient & { close(): Promise<void> };
  /** `LIST pods`, `WATCH pods`... as they came. */
  requests: string[];
  put(kind: Kind, object: Partial<KubeObject>): void;
  remove(kind: Kind, name: string): void;
  bookmark(): void;
  /** Forgets what happened so far: a watch from before gets 410. */
  compact(): void;
  /** Ends all streams, in the middle of a line. */
  cut(): void;
  /**
   * `silent`: watches are taken and told nothing; `down`: every request is
   * refused with 503; `hanging`: nothing is answered.
   */
  mode: 'well' | 'silent' | 'down' | 'hanging';
  openWatches(): number;
  close(): Promise<void>;
}

type Kind = 'pods' | 'deployments' | 'nodes' | 'services';

interface Happened {
  kind: Kind;
  version: number;
  line: string;
}

const KINDS: Record<Kind, { apiVersion: string; kind: string }> = {
  pods: { apiVersion: 'v1', kind: 'Pod' },
  deployments: { apiVersion: 'apps/v1', kind: 'Deployment' },
  nodes: { apiVersion: 'v1', kind: 'Node' },
  services: { apiVersion: 'v1', kind: 'Service' },
};

export async function startFakeApiServer(): Promise<FakeApiServer> {
  const objects = new Map<string, KubeObject>();
  const watches = new Set<{ kind: Kind; response: ServerResponse }>();
  const requests: string[] = [];
  let history: Happened[] = [];
  let version = 100;
  let compactedTo = 0;
  const state: Pick<FakeApiServer, 'mode'> = { mode: 'well' };

  function happen(kind: Kind, type: string, object: KubeObject) {
    const line = `${JSON.stringify({ type, object })}\n`;
    history.push({ kind, version, line });
    for (const open of watches) {
      if (open.kind === kind && state.mode === 'well') {
        open.response.write(line);
      }
    }
  }

  function status(response: ServerResponse, code: number, reason: string) {
    response.writeHead(code, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ kind: 'Status', code, reason, message: reason }),
    );
  }

  function resources(response: ServerResponse, apiVersion: string) {
    const served = Object.entries(KINDS)
      .filter(([, kind]) => kind.apiVersion === apiVersion)
      .map(([name, { kind }]) => ({
        name,
        kind,
        namespaced: name !== 'nodes',
        verbs: ['list', 'watch'],
      }));
    if (served.length === 0) {
      status(response, 404, 'NotFound');
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ resources: served }));
  }

  function watch(response: ServerResponse, kind: Kind, from: number) {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (from < compactedTo) {
      const object = {
        kind: 'Status',
        code: 410,
        reason: 'Expired',
        message: 'too old resource version',
      };
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      return;
    }
    const entry = { kind, response };
    watches.add(entry);
    response.on('close', () => watches.delete(entry));
    if (state.mode === 'well') {
      history
        .filter(past => past.kind === kind && past.version > from)
        .forEach(({ line }) => response.write(line));
    }
  }

  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://api');
    const [, kind] =
      url.pathname.match(/\/(pods|deployments|nodes|services)$/) ?? [];
    const isWatch = url.searchParams.get('watch') === 'true';
    if (kind) {
      requests.push(`${isWatch ? 'WATCH' : 'LIST'} ${kind}`);
    }
    if (state.mode === 'hanging') {
      return;
    }
    if (state.mode === 'down') {
      status(response, 503, 'ServiceUnavailable');
    } else if (!kind) {
      resources(response, url.pathname.replace(/^\/apis?\//, ''));
    } else if (isWatch) {
      watch(
        response,
        kind as Kind,
        Number(url.searchParams.get('resourceVersion')),
      );
    } else {
      const items = [...objects]
        .filter(([key]) => key.startsWith(`${kind}/`))
        .map(([, object]) => object);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({ metadata: { resourceVersion: `${version}` }, items }),
      );
    }
  });
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromOptions({
    clusters: [
      { name: 'fake', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    ],
    users: [{ name: 'nobody' }],
    contexts: [{ name: 'fake', cluster: 'fake', user: 'nobody' }],
    currentContext: 'fake',
  });
  const client = createKubeClient({ cluster: 'fake', kubeConfig });

  return {
    client,
    requests,
    get mode() {
      return state.mode;
    },
    set mode(mode) {
      state.mode = mode;
    },
    put(kind, object) {
      version += 1;
      const name = object.metadata?.name ?? 'nameless';
      const key = `${kind}/${name}`;
      const whole: KubeObject = {
        ...KINDS[kind],
        ...object,
        metadata: {
          name,
          namespace: 'shop',
          uid: `uid-${name}`,
          ...object.metadata,
          resourceVersion: `${version}`,
        },
      };
      const type = objects.has(key) ? 'MODIFIED' : 'ADDED';
      objects.set(key, whole);
      happen(kind, type, whole);
    },
    remove(kind, name) {
      const key = `${kind}/${name}`;
      const object = objects.get(key);
      if (object) {
        version += 1;
        objects.delete(key);
        happen(kind, 'DELETED', {
          ...object,
          metadata: { ...object.metadata, resourceVersion: `${version}` },
        });
      }
    },
    bookmark() {
      for (const { kind, response } of watches) {
        const object = {
          ...KINDS[kind],
          metadata: { resourceVersion: `${version}` },
        };
        response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
      }
    },
    compact() {
      compactedTo = version + 1;
      version += 1;
      history = [];
    },
    cut() {
      for (const { response } of watches) {
        response.write('{"type":"MODIFIED","object":{"meta');
        response.destroy();
      }
    },
    openWatches: () => watches.size,
    async close() {
      await client.close();
      server.closeAllConnections();
      await new Promise(resolve => {
        server.close(resolve);
      });
    },
  };
}
