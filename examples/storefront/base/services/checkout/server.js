'use strict';
// The storefront's checkout: prices come from the pricing service, and are
// shown by the @storefront/price-format package.
const http = require('node:http');
const { formatPrice } = require('@storefront/price-format');
const { answer } = require('./behaviour');

const pricingUrl = process.env.PRICING_SERVICE_URL || 'http://pricing';
const startedAt = Date.now();
let stopping = false;

function send(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

// A shop without its price list still sells: the total is told at the counter.
async function total(item) {
  try {
    const response = await fetch(
      `${pricingUrl}/price?item=${encodeURIComponent(item)}`,
      { signal: AbortSignal.timeout(2000) },
    );
    if (response.ok) {
      return formatPrice((await response.json()).cents);
    }
    console.warn(`pricing answered ${response.status}`);
  } catch (error) {
    console.warn(`pricing does not answer: ${error.message}`);
  }
  return 'told at the counter';
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://checkout');
  if (url.pathname === '/healthz/live') {
    return send(response, 200, { live: true });
  }
  if (url.pathname === '/healthz/ready') {
    const readiness = answer.ready(Date.now() - startedAt);
    return send(response, !stopping && readiness.ready ? 200 : 503, readiness);
  }
  try {
    await answer.before();
    const item = url.searchParams.get('item') || 'tea';
    return send(response, 200, {
      shop: process.env.SHOP_NAME || 'storefront',
      greeting: answer.greeting,
      item,
      total: await total(item),
    });
  } catch (error) {
    console.error(`checkout failed: ${error.message}`);
    return send(response, error.status || 502, { error: error.message });
  }
});

server.listen(Number(process.env.PORT || 8080), () => {
  console.log(`checkout listens on ${server.address().port}`);
  answer.started();
});

process.on('SIGTERM', () => {
  console.log('checkout stops: no new requests, finishing those in flight');
  stopping = true;
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
