import { readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** A slipway-locald that runs, as one of an older protocol would be seen. */
export interface OlderLocald {
  /** What it was asked, `POST /v1/shutdown?instances=keep`. */
  asked: string[];
  close(): Promise<void>;
}

/**
 * Stands before the slipway-locald of a data directory and makes its answers
 * those of an older one; everything else of it is real.
 */
export async function disguiseAsOlder(
  dataDirectory: string,
  protocol: number,
): Promise<OlderLocald> {
  const path = join(dataDirectory, 'locald', 'address.json');
  const address: { port: number; pid: number } = JSON.parse(
    await readFile(path, 'utf8'),
  );
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const forwarded = http.request(
      {
        port: address.port,
        host: '127.0.0.1',
        method: request.method,
        path: request.url,
        headers: request.headers,
      },
      async answer => {
        const chunks: Buffer[] = [];
        for await (const chunk of answer) {
          chunks.push(chunk);
        }
        const body = JSON.parse(Buffer.concat(chunks).toString());
        response.writeHead(answer.statusCode ?? 500, {
          'content-type': 'application/json',
        });
        response.end(
          JSON.stringify(
            request.url === '/v1/health' ? { ...body, protocol } : body,
          ),
        );
      },
    );
    forwarded.on('error', () => response.destroy());
    request.pipe(forwarded);
  });
  await new Promise<void>(done => {
    server.listen(0, '127.0.0.1', done);
  });
  const { port } = server.address() as AddressInfo;
  await writeFile(path, JSON.stringify({ ...address, port }));
  return {
    asked,
    async close() {
      server.closeAllConnections();
      await new Promise<void>(done => {
        server.close(() => done());
      });
    },
  };
}
