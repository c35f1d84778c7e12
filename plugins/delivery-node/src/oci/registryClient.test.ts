import {
  createServer,
  IncomingMessage,
  Server,
  ServerResponse,
} from 'node:http';
import { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { digestOf } from './digest';
import { OciLayout } from './layout';
import { OCI_MEDIA_TYPES } from './manifest';
import { createRegistryClient } from './registryClient';

jest.setTimeout(60_000);

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that says exactly what a test wants it to say. */
class ScriptedServer {
  readonly seen: Array<{ line: string; headers: IncomingMessage['headers'] }> =
    [];
  private server!: Server;
  port = 0;

  async start(handler: Handler): Promise<void> {
    this.server = createServer((request, response) => {
      this.seen.push({
        line: `${request.method} ${request.url}`,
        headers: request.headers,
      });
      handler(request, response);
    });
    await new Promise<void>(resolve =>
      this.server.listen(0, '127.0.0.1', resolve),
    );
    this.port = (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise(resolve => this.server.close(resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
}

const MANIFEST = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MEDIA_TYPES.index,
    manifests: [],
  }),
);
const DIGEST = digestOf(MANIFEST);

function reply(
  response: ServerResponse,
  status: number,
  headers: Record<string, string> = {},
  body: Buffer | string = '',
) {
  response.writeHead(status, headers);
  response.end(body);
}

describe('the registry client', () => {
  const servers: ScriptedServer[] = [];
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-client-'));
  });

  afterEach(async () => {
    await Promise.all(servers.splice(0).map(server => server.stop()));
    await rm(directory, { recursive: true, force: true });
  });

  async function serve(handler: Handler): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    await server.start(handler);
    servers.push(server);
    return server;
  }

  function clientOf(
    server: ScriptedServer,
    credentials?: { username: string; password: string },
  ) {
    return createRegistryClient(
      {
        url: server.url,
        host: `127.0.0.1:${server.port}`,
        ...(credentials && { credentials: async () => credentials }),
      },
      { stallTimeoutMs: 500 },
    );
  }

  describe('believes no digest', () => {
    const lies: Array<[string, Handler]> = [
      [
        'other bytes under the asked digest',
        (_request, response) =>
          reply(response, 200, {}, '{"schemaVersion":2,"manifests":[] }'),
      ],
      [
        'a header that names another digest than was asked for',
        (_request, response) =>
          reply(
            response,
            200,
            { 'docker-content-digest': digestOf('x') },
            MANIFEST,
          ),
      ],
      [
        'a header that is no digest',
        (_request, response) =>
          reply(
            response,
            200,
            { 'docker-content-digest': 'nonsense' },
            MANIFEST,
          ),
      ],
    ];

    it.each(lies)('%s', async (_what, handler) => {
      const server = await serve(handler);
      await expect(
        clientOf(server).getManifest('a/b', DIGEST),
      ).rejects.toMatchObject({ name: 'DigestMismatchError' });
    });

    it('a tag whose header and bytes differ', async () => {
      const server = await serve((_request, response) =>
        reply(
          response,
          200,
          { 'docker-content-digest': digestOf('x') },
          MANIFEST,
        ),
      );
      await expect(
        clientOf(server).getManifest('a/b', 'v1'),
      ).rejects.toMatchObject({ name: 'DigestMismatchError' });
    });

    it('a blob with other bytes, fewer or more; the layout stays without it', async () => {
      const config = Buffer.from('{}');
      const layer = { digest: digestOf('layer'), size: 5 };
      const manifest = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: OCI_MEDIA_TYPES.manifest,
          config: {
            mediaType: OCI_MEDIA_TYPES.config,
            digest: digestOf(config),
            size: config.length,
          },
          layers: [{ mediaType: OCI_MEDIA_TYPES.layerTar, ...layer }],
        }),
      );
      let body = '';
      const server = await serve((request, response) => {
        if (request.url?.includes('/manifests/')) {
          reply(
            response,
            200,
            { 'content-type': OCI_MEDIA_TYPES.manifest },
            manifest,
          );
        } else if (request.url?.endsWith(digestOf(config))) {
          reply(response, 200, {}, config);
        } else {
          reply(response, 200, {}, body);
        }
      });
      const layout = await OciLayout.create(directory);
      for (body of ['Layer', 'lay', 'layer and more']) {
        await expect(
          clientOf(server).pullToLayout('a/b', digestOf(manifest), layout),
        ).rejects.toMatchObject({ name: 'DigestMismatchError' });
        expect(await layout.blobSize(layer.digest)).toBeUndefined();
        expect(await layout.blobSize(digestOf(manifest))).toBeUndefined();
        expect(await layout.index()).toEqual([]);
      }
      body = 'layer';
      const { root } = await clientOf(server).pullToLayout(
        'a/b',
        digestOf(manifest),
        layout,
      );
      expect(root.digest).toBe(digestOf(manifest));
    });

    it('a registry that took something else than was pushed', async () => {
      const server = await serve((request, response) => {
        request.resume();
        reply(response, 201, { 'docker-content-digest': digestOf('x') });
      });
      await expect(
        clientOf(server).putManifest(
          'a/b',
          DIGEST,
          MANIFEST,
          OCI_MEDIA_TYPES.index,
        ),
      ).rejects.toMatchObject({ name: 'DigestMismatchError' });
    });
  });

  it('keeps the query and takes relative addresses where a blob is to be uploaded', async () => {
    const received: string[] = [];
    const server = await serve((request, response) => {
      if (request.method === 'HEAD') {
        reply(response, 404);
      } else if (request.method === 'POST') {
        reply(response, 202, {
          location: '/v2/a/b/blobs/uploads/1?state=x%2Fy&n=1',
        });
      } else {
        text(request)
          .then(body => {
            received.push(body);
            reply(response, 201, {
              'docker-content-digest': digestOf('hello'),
            });
          })
          .catch(error => response.destroy(error));
      }
    });
    const blob = {
      digest: digestOf('hello'),
      size: 5,
      open: () => Readable.from([Buffer.from('hel'), Buffer.from('lo')]),
    };
    expect(await clientOf(server).uploadBlob('a/b', blob)).toBe('uploaded');
    expect(received).toEqual(['hello']);
    const put = new URL(server.seen[2].line.split(' ')[1], server.url);
    expect(Object.fromEntries(put.searchParams)).toEqual({
      state: 'x/y',
      n: '1',
      digest: digestOf('hello'),
    });
    expect(server.seen[2].headers['content-length']).toBe('5');
  });

  it('waits as long as it is asked to and tries again, with the stream from its start', async () => {
    let puts = 0;
    const server = await serve((request, response) => {
      request.resume();
      if (request.method === 'HEAD') {
        reply(response, 404);
      } else if (request.method === 'POST') {
        reply(response, 202, { location: '/v2/a/b/blobs/uploads/1' });
      } else {
        puts += 1;
        request.on('end', () =>
          reply(
            response,
            puts === 1 ? 429 : 201,
            puts === 1 ? { 'retry-after': '0' } : {},
          ),
        );
      }
    });
    await clientOf(server).uploadBlob('a/b', {
      digest: digestOf('hello'),
      size: 5,
      open: () => Readable.from([Buffer.from('hello')]),
    });
    expect(puts).toBe(2);
  });

  it('gives up on a server that always fails, with its words', async () => {
    const server = await serve((_request, response) =>
      reply(
        response,
        503,
        { 'retry-after': '0' },
        '{"errors":[{"code":"UNAVAILABLE","message":"out for lunch"}]}',
      ),
    );
    await expect(clientOf(server).getManifest('a/b', 'v1')).rejects.toThrow(
      /503.*UNAVAILABLE: out for lunch/,
    );
    expect(server.seen).toHaveLength(4);
  });

  it('gets a token for its credentials, uses it again, and never sends either to another host', async () => {
    const elsewhere = await serve((_request, response) =>
      reply(response, 200, {}, 'hello'),
    );
    const server = await serve((request, response) => {
      const { authorization } = request.headers;
      if (request.url?.startsWith('/token')) {
        const isKnown =
          authorization ===
          `Basic ${Buffer.from('bob:secret').toString('base64')}`;
        reply(response, isKnown ? 200 : 401, {}, '{"token":"t0k3n"}');
      } else if (authorization !== 'Bearer t0k3n') {
        reply(response, 401, {
          'www-authenticate': `Bearer realm="${server.url}/token",service="test, registry",scope="repository:a/b:pull"`,
        });
      } else if (request.url?.includes('/blobs/')) {
        reply(response, 307, { location: `${elsewhere.url}/blob` });
      } else {
        reply(response, 200, {}, MANIFEST);
      }
    });
    const client = clientOf(server, { username: 'bob', password: 'secret' });
    await client.getManifest('a/b', DIGEST);
    await client.getManifest('a/b', DIGEST);
    expect(server.seen.map(({ line }) => line.split('?')[0])).toEqual([
      `GET /v2/a/b/manifests/${DIGEST}`,
      'GET /token',
      `GET /v2/a/b/manifests/${DIGEST}`,
      `GET /v2/a/b/manifests/${DIGEST}`,
    ]);
    const token = new URL(server.seen[1].line.split(' ')[1], server.url);
    expect(token.searchParams.get('service')).toBe('test, registry');
    expect(token.searchParams.getAll('scope')).toEqual(['repository:a/b:pull']);

    const blob = { digest: digestOf('hello'), size: 5 };
    const bytes = await client.getBlob('a/b', blob, { maxBytes: 10 });
    expect(bytes.toString()).toBe('hello');
    expect(elsewhere.seen[0].headers.authorization).toBeUndefined();
  });

  it('says what is missing when credentials are wanted or wrong', async () => {
    const server = await serve((_request, response) =>
      reply(response, 401, { 'www-authenticate': 'Basic realm="x"' }),
    );
    await expect(clientOf(server).getManifest('a/b', 'v1')).rejects.toThrow(
      /asks for credentials and none are configured/,
    );
    await expect(
      clientOf(server, { username: 'a', password: 'hunter2' }).getManifest(
        'a/b',
        'v1',
      ),
    ).rejects.toThrow(expect.not.stringContaining('hunter2'));
  });

  it('never moves a tag, also when somebody is faster', async () => {
    let tagged: string | undefined = digestOf('other');
    const server = await serve((request, response) => {
      if (request.method === 'HEAD') {
        reply(
          response,
          tagged ? 200 : 404,
          tagged ? { 'docker-content-digest': tagged } : {},
        );
      } else {
        request.resume();
        // Somebody else tags in the same moment and wins.
        tagged = digestOf('faster');
        request.on('end', () => reply(response, 201));
      }
    });
    const manifest = {
      bytes: MANIFEST,
      digest: DIGEST,
      mediaType: OCI_MEDIA_TYPES.index,
    };
    const client = clientOf(server);
    await expect(
      client.tagManifest('a/b', 'v1', manifest),
    ).rejects.toMatchObject({ name: 'ConflictError' });
    expect(server.seen.map(({ line }) => line)).toEqual([
      'HEAD /v2/a/b/manifests/v1',
    ]);
    tagged = undefined;
    await expect(
      client.tagManifest('a/b', 'v1', manifest),
    ).rejects.toMatchObject({ name: 'ConflictError' });
    tagged = DIGEST;
    await client.tagManifest('a/b', 'v1', manifest);
    expect(
      server.seen.filter(({ line }) => line.startsWith('PUT')),
    ).toHaveLength(1);
  });

  it('bounds what it reads, stops when nothing comes, and stops when told to', async () => {
    const server = await serve((request, response) => {
      if (request.url?.includes('/manifests/')) {
        reply(response, 200, {}, Buffer.alloc(9 * 1024 * 1024, ' '));
      } else {
        response.writeHead(200);
        response.write('x');
      }
    });
    const client = clientOf(server);
    await expect(client.getManifest('a/b', 'v1')).rejects.toThrow(/limit/);
    const blob = { digest: digestOf('xy'), size: 2 };
    await expect(client.getBlob('a/b', blob, { maxBytes: 10 })).rejects.toThrow(
      /sent nothing for 500 ms/,
    );
    await expect(
      client.getBlob('a/b', blob, {
        maxBytes: 10,
        signal: AbortSignal.timeout(50),
      }),
    ).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('refuses redirects in circles and names that are no repositories', async () => {
    const server = await serve((request, response) =>
      reply(response, 302, { location: request.url! }),
    );
    const client = clientOf(server);
    await expect(client.getManifest('a/b', 'v1')).rejects.toThrow(
      /redirects more than 5 times/,
    );
    for (const repository of ['../x', 'A', 'a/../../b', 'a?b', '']) {
      await expect(client.getManifest(repository, 'v1')).rejects.toThrow(
        /not a valid repository name/,
      );
    }
    await expect(client.getManifest('a', '../x')).rejects.toMatchObject({
      name: 'InputError',
    });
  });

  it('keeps referrers in a tag where the registry has no list of them', async () => {
    const subject = {
      mediaType: OCI_MEDIA_TYPES.index,
      digest: DIGEST,
      size: 1,
    };
    const empty = Buffer.from('{}');
    const artifact = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MEDIA_TYPES.manifest,
        artifactType: 'application/vnd.example+json',
        config: {
          mediaType: OCI_MEDIA_TYPES.empty,
          digest: digestOf(empty),
          size: 2,
        },
        layers: [],
        subject,
      }),
    );
    const manifests = new Map<string, Buffer>();
    const server = await serve((request, response) => {
      const key = request.url?.split('/manifests/')[1];
      if (request.url?.includes('/referrers/')) {
        reply(response, 404);
      } else if (request.method === 'PUT' && key) {
        const chunks: Buffer[] = [];
        request.on('data', chunk => chunks.push(chunk));
        request.on('end', () => {
          manifests.set(key, Buffer.concat(chunks));
          reply(response, 201);
        });
      } else {
        const found = manifests.get(key ?? '');
        reply(
          response,
          found ? 200 : 404,
          { 'content-type': OCI_MEDIA_TYPES.index },
          found,
        );
      }
    });
    const client = clientOf(server);
    const put = () =>
      client.putManifest(
        'a/b',
        digestOf(artifact),
        artifact,
        OCI_MEDIA_TYPES.manifest,
      );
    await put();
    await put();
    expect(await client.listReferrers('a/b', DIGEST)).toEqual([
      {
        mediaType: OCI_MEDIA_TYPES.manifest,
        digest: digestOf(artifact),
        size: artifact.length,
        artifactType: 'application/vnd.example+json',
      },
    ]);
    expect([...manifests.keys()]).toContain(DIGEST.replace(':', '-'));
    expect(
      await client.listReferrers('a/b', DIGEST, { artifactType: 'other' }),
    ).toEqual([]);
  });
});
