import { createHash, randomUUID } from 'node:crypto';
import { IncomingMessage, ServerResponse, createServer } from 'node:http';
import { AddressInfo } from 'node:net';

/** As much of the OCI distribution API as a push and a check need. */
export interface MemoryRegistry {
  url: string;
  host: string;
  /** `repository:reference` to its bytes. */
  manifests: Map<string, { mediaType: string; bytes: Buffer }>;
  close(): Promise<void>;
}

export async function startMemoryRegistry(): Promise<MemoryRegistry> {
  const blobs = new Map<string, Buffer>();
  const manifests: MemoryRegistry['manifests'] = new Map();
  const uploads = new Map<string, Buffer>();

  function handle(req: IncomingMessage, res: ServerResponse, body: Buffer) {
    const url = new URL(req.url ?? '/', 'http://registry');
    const path = url.pathname;
    const answer = (
      status: number,
      headers: Record<string, string | number> = {},
      bytes?: Buffer,
    ) => {
      res.writeHead(status, headers);
      res.end(req.method === 'HEAD' ? undefined : bytes);
    };
    if (path === '/v2/') {
      answer(200);
      return;
    }
    const upload = /^\/v2\/(.+)\/blobs\/uploads\/([^/]*)$/.exec(path);
    if (upload) {
      const id = upload[2] || randomUUID();
      const bytes = Buffer.concat([uploads.get(id) ?? Buffer.alloc(0), body]);
      uploads.set(id, bytes);
      const digest = url.searchParams.get('digest');
      if (digest) {
        uploads.delete(id);
        blobs.set(digest, bytes);
        answer(201, { 'Docker-Content-Digest': digest });
      } else {
        answer(202, {
          Location: `/v2/${upload[1]}/blobs/uploads/${id}`,
          Range: `0-${Math.max(bytes.length - 1, 0)}`,
        });
      }
      return;
    }
    const blob = /^\/v2\/.+\/blobs\/(sha256:[0-9a-f]{64})$/.exec(path);
    if (blob) {
      const bytes = blobs.get(blob[1]);
      answer(
        bytes ? 200 : 404,
        { 'Content-Length': bytes?.length ?? 0 },
        bytes,
      );
      return;
    }
    const manifest = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(path);
    if (!manifest) {
      answer(404);
      return;
    }
    const key = `${manifest[1]}:${manifest[2]}`;
    if (req.method === 'PUT') {
      const digest = `sha256:${createHash('sha256')
        .update(body)
        .digest('hex')}`;
      const stored = {
        mediaType: req.headers['content-type'] ?? '',
        bytes: body,
      };
      manifests.set(key, stored);
      manifests.set(`${manifest[1]}:${digest}`, stored);
      answer(201, { 'Docker-Content-Digest': digest });
      return;
    }
    const stored = manifests.get(key);
    if (!stored) {
      answer(404);
      return;
    }
    const digest = `sha256:${createHash('sha256')
      .update(stored.bytes)
      .digest('hex')}`;
    answer(
      200,
      {
        'Content-Type': stored.mediaType,
        'Content-Length': stored.bytes.length,
        'Docker-Content-Digest': digest,
      },
      stored.bytes,
    );
  }

  const server = createServer((req, res) => {
    const parts: Buffer[] = [];
    req.on('data', part => parts.push(part));
    req.on('end', () => handle(req, res, Buffer.concat(parts)));
  });
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    manifests,
    close: () =>
      new Promise(resolve => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
