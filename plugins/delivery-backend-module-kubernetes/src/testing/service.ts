/** How the service in a test image behaves. */
export type TestBehaviour =
  /** Becomes ready, answers every request, writes a line for each. */
  | 'good'
  /** Runs, and its readiness probe never succeeds. */
  | 'never-ready'
  /** Ends soon after each start, having written "the till is empty". */
  | 'crashing'
  /** Becomes ready, then takes memory until the kernel kills it. */
  | 'oom'
  /** Answers half of its requests with 500. */
  | 'failing'
  /** Answers after 800 ms. */
  | 'slow';

export interface TestServiceOptions {
  version: string;
  behaviour?: TestBehaviour;
  /** Of `failing`: the share of requests that get a 500. Default 0.5. */
  failureRatio?: number;
  /** Of `slow`: how long an answer takes. Default 800. */
  delayMs?: number;
  /**
   * How long it goes on serving after SIGTERM, until everyone has heard that
   * it leaves. Default 3,000: then no request is lost.
   */
  drainMs?: number;
}

/**
 * The source of a small HTTP service: `/` answers `{ version, pod, ... }`,
 * `/ready` and `/live` are for probes, `/metrics` is for Prometheus. Every
 * answered request is a line in the log: `VERSION METHOD PATH STATUS`.
 */
export function testServiceSource(options: TestServiceOptions): string {
  const {
    version,
    behaviour = 'good',
    failureRatio = 0.5,
    delayMs = 800,
    drainMs = 3_000,
  } = options;
  const settings = { version, behaviour, failureRatio, delayMs, drainMs };
  return `'use strict';
const http = require('node:http');
const settings = ${JSON.stringify(settings)};
const { version, behaviour } = settings;
const counts = new Map();
let leaving = false;
let served = 0;

function metrics() {
  const lines = ['# TYPE http_requests_total counter'];
  for (const [code, count] of counts) {
    lines.push('http_requests_total{code="' + code + '"} ' + count);
  }
  return lines.join('\\n') + '\\n';
}

const server = http.createServer((request, response) => {
  if (leaving) {
    response.setHeader('connection', 'close');
  }
  if (request.url === '/live') {
    return response.end('alive');
  }
  if (request.url === '/metrics') {
    return response.end(metrics());
  }
  if (request.url === '/ready') {
    if (behaviour === 'never-ready') {
      response.writeHead(503);
      return response.end('the cellar is locked');
    }
    return response.end('ready');
  }
  served += 1;
  // Spread evenly, so that a few requests already show the ratio.
  const fails =
    behaviour === 'failing' &&
    Math.floor(served * settings.failureRatio) >
      Math.floor((served - 1) * settings.failureRatio);
  const status = fails ? 500 : 200;
  const answer = () => {
    counts.set(status, (counts.get(status) ?? 0) + 1);
    console.log(version, request.method, request.url, status);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        version,
        pod: process.env.HOSTNAME,
        greeting: process.env.GREETING,
        headers: request.headers,
      }),
    );
  };
  if (behaviour === 'slow') {
    setTimeout(answer, settings.delayMs);
  } else {
    answer();
  }
});
server.keepAliveTimeout = 60000;
server.listen(8080, () => {
  console.log('version ' + version + ' listens');
  if (behaviour === 'crashing') {
    setTimeout(() => {
      console.error('the till is empty');
      process.exit(7);
    }, 50);
  }
  if (behaviour === 'oom') {
    const taken = [];
    setInterval(() => taken.push(Buffer.alloc(16 << 20, 1)), 100);
  }
});
process.on('SIGTERM', () => {
  console.log('version ' + version + ' was asked to stop');
  leaving = true;
  setTimeout(() => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  }, settings.drainMs);
});
`;
}
