'use strict';
// The storefront's pricing: knows what things cost.
const http = require('node:http');

const prices = { tea: 450, coffee: 620, cake: 380 };
let stopping = false;

const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://pricing');
  const send = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(body)}\n`);
  };
  if (url.pathname === '/healthz/live') return send(200, { live: true });
  if (url.pathname === '/healthz/ready') {
    return send(stopping ? 503 : 200, { ready: !stopping });
  }
  if (url.pathname !== '/price') return send(200, { prices });
  const item = url.searchParams.get('item') || '';
  return Object.hasOwn(prices, item)
    ? send(200, { item, cents: prices[item] })
    : send(404, { error: `no price for "${item}"` });
});

server.listen(Number(process.env.PORT || 8080), () =>
  console.log(`pricing listens on ${server.address().port}`),
);

process.on('SIGTERM', () => {
  console.log('pricing stops: no new requests, finishing those in flight');
  stopping = true;
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
