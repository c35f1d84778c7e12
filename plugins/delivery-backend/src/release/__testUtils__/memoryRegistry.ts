import { createHash } from 'node:crypto';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { AddressInfo } from 'node:net';
import { RegistryAccess } from '@slipway/backstage-plugin-delivery-node';

/** A registry that keeps everything in memory and can be told to misbehave. */
export interface MemoryRegistry {
  access: RegistryAccess;
  /** `repository@digest` and `repository:tag` to the manifest. */
  manifests: Map<string, { bytes: Buffer; mediaType: string }>;
  blobs: Map<string, Buffer>;
  /** Answers a request instead of the registry when it returns true. */
  misbehave?: (request: IncomingMessage, response: ServerResponse) => boolean;
  requests: string[];
  stop(): Promise<void>;
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Enough of the distribution specification to push to and pull from. */
export async function startMemoryRegistry(): Promise<MemoryRegistry> {
  const manifests: MemoryRegistry['manifests'] = new Map();
  const blobs: MemoryRegistry['blobs'] = new Map();
  const keyOf = (repository: string, reference: string) =>
    `${repository}${reference.includes(':') ? '@' : ':'}${reference}`;

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const url = new URL(request.url ?? '/', 'http://registry');
    const end = (
      status: number,
      headers: Record<string, string | number> = {},
      body?: Buffer,
    ) => {
      response.writeHead(status, headers);
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    const [, repository, kind, reference = ''] =
      /^\/v2\/(.+)\/(manifests|blobs|referrers)\/(.*)$/.exec(url.pathname) ??
      [];
    if (!repository) {
      return end(url.pathname === '/v2/' ? 200 : 404);
    }
    if (kind === 'referrers') {
      return end(404);
    }
    if (kind === 'manifests') {
      const key = keyOf(repository, reference);
      if (request.method === 'PUT') {
        const bytes = await bodyOf(request);
        const digest = digestOf(bytes);
        const mediaType = request.headers['content-type'] ?? '';
        manifests.set(key, { bytes, mediaType });
        manifests.set(`${repository}@${digest}`, { bytes, mediaType });
        return end(201, { 'docker-content-digest': digest });
      }
      const found = manifests.get(key);
      return found
        ? end(
            200,
            {
              'content-type': found.mediaType,
              'content-length': found.bytes.length,
              'docker-content-digest': digestOf(found.bytes),
            },
            found.bytes,
          )
        : end(404);
    }
    if (reference.startsWith('uploads/')) {
      if (request.method === 'POST') {
        return end(202, { location: `/v2/${repository}/blobs/uploads/1` });
      }
      const bytes = await bodyOf(request);
      const digest = url.searchParams.get('digest') ?? '';
      if (digestOf(bytes) !== digest) {
        return end(400);
      }
      blobs.set(digest, bytes);
      return end(201, { 'docker-content-digest': digest });
    }
    const blob = blobs.get(reference);
    return blob ? end(200, { 'content-length': blob.length }, blob) : end(404);
  }

  const requests: string[] = [];
  const misbehaviour: Pick<MemoryRegistry, 'misbehave'> = {};
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (!misbehaviour.misbehave?.(request, response)) {
      answer(request, response).catch(error => response.destroy(error));
    }
  });
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port }: AddressInfo = Object(server.address());
  return Object.assign(misbehaviour, {
    access: { url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}` },
    manifests,
    blobs,
    requests,
    stop: () =>
      new Promise<void>((resolve, reject) => {
        server.closeAllConnections();
        server.close(error => (error ? reject(error) : resolve()));
      }),
  });
}
