import { readFile } from 'node:fs/promises';
import { Config } from '@backstage/config';
import { Endpoint, EndpointSource } from '../client';
import { createTokenSource } from './auth';
import { publicLookup } from './serverUrl';
import { ClusterDetails } from './types';

/**
 * What a described cluster is asked with. The file of the certificate
 * authority is read again after each refusal.
 */
export function createEndpoint(
  details: ClusterDetails,
  rootConfig: Config,
): EndpointSource {
  const tokens = createTokenSource(details, rootConfig);
  let tls: Promise<Endpoint['tls']> | undefined;

  async function readTls(): Promise<Endpoint['tls']> {
    return {
      ca: details.caFile
        ? await readFile(details.caFile)
        : details.caData && Buffer.from(details.caData, 'base64'),
      rejectUnauthorized: !details.skipTLSVerify,
      lookup: details.publicOnly ? publicLookup : undefined,
    };
  }

  return {
    async current() {
      tls ??= readTls();
      try {
        await tls;
      } catch (error) {
        tls = undefined;
        throw error;
      }
      const token = await tokens?.current();
      const headers: Record<string, string> = token
        ? { Authorization: `Bearer ${token}` }
        : {};
      return { server: details.url, tls: await tls, headers };
    },
    renew() {
      tls = undefined;
      tokens?.renew();
    },
  };
}
