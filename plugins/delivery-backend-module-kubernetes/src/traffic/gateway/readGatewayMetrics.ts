import { Config } from '@backstage/config';
import { InputError } from '@backstage/errors';

const KEY = 'delivery.kubernetes.gatewayMetrics';

/**
 * `delivery.kubernetes.gatewayMetrics: [{ cluster, url }]`: where the Envoys of
 * a cluster's gateways tell their statistics. Only the platform's configuration
 * names such addresses, and they are never followed elsewhere.
 *
 * Errors: `InputError` for an address that is no plain http(s) URL.
 */
export function readGatewayMetrics(config: Config): Map<string, URL[]> {
  const urls = new Map<string, URL[]>();
  const entries = config.getOptionalConfigArray(KEY) ?? [];
  for (const [index, entry] of entries.entries()) {
    const place = `${KEY}[${index}]`;
    const cluster = entry.getString('cluster');
    const url = readUrl(entry.getString('url'), `${place}.url`);
    urls.set(cluster, [...(urls.get(cluster) ?? []), url]);
  }
  return urls;
}

function readUrl(text: string, place: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new InputError(
      `${place}: expected an http or https URL, found "${text}"`,
    );
  }
  if (url.username || url.password) {
    throw new InputError(
      `${place}: credentials do not belong into an address, as addresses are logged`,
    );
  }
  return url;
}
