import { createHash, createHmac } from 'node:crypto';
import { Config } from '@backstage/config';
import { ClusterAuth } from '../types';
import { importOptional } from './optional';
import { TokenSource, cachedTokens } from './tokenSource';

/*
 * EKS takes a signed but unsent call of STS as a token: whoever holds it can
 * ask AWS who signed it.
 *
 * Sources: aws-iam-authenticator, "Token format"; AWS Signature Version 4,
 * "Authenticating requests: using query parameters".
 */

/** aws-iam-authenticator takes tokens for 15 minutes, whatever they say. */
const TOKEN_LIVES_MS = 14 * 60_000;
const SIGNED_FOR_SECONDS = 60;
const DEFAULT_REGION = 'us-east-1';

export interface AwsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** `k8s-aws-v1.` and the presigned address of `GetCallerIdentity`. */
export function eksToken(options: {
  credentials: AwsCredentials;
  clusterId: string;
  region: string;
  nowMs: number;
}): string {
  const { credentials, clusterId, region } = options;
  const host = `sts.${region}.amazonaws.com${
    region.startsWith('cn-') ? '.cn' : ''
  }`;
  const time = new Date(options.nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/${region}/sts/aws4_request`;
  const query = Object.entries({
    Action: 'GetCallerIdentity',
    Version: '2011-06-15',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${credentials.accessKeyId}/${scope}`,
    'X-Amz-Date': time,
    'X-Amz-Expires': String(SIGNED_FOR_SECONDS),
    'X-Amz-SignedHeaders': 'host;x-k8s-aws-id',
    ...(credentials.sessionToken && {
      'X-Amz-Security-Token': credentials.sessionToken,
    }),
  })
    .map(([name, value]) => `${name}=${encode(value)}`)
    .sort()
    .join('&');
  const canonical = [
    'GET',
    '/',
    query,
    `host:${host}`,
    `x-k8s-aws-id:${clusterId.trim()}`,
    '',
    'host;x-k8s-aws-id',
    sha256(''),
  ].join('\n');
  const signature = [region, 'sts', 'aws4_request'].reduce(
    (key, part) => hmac(key, part),
    hmac(`AWS4${credentials.secretAccessKey}`, time.slice(0, 8)),
  );
  const signed = hmac(
    signature,
    ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n'),
  ).toString('hex');
  const url = `https://${host}/?${query}&X-Amz-Signature=${signed}`;
  return `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`;
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** Tokens for EKS, signed with the AWS credentials of Backstage's `aws` configuration. */
export function awsTokens(
  auth: Extract<ClusterAuth, { provider: 'aws' }>,
  rootConfig: Config,
): TokenSource {
  const region = auth.region ?? process.env.AWS_REGION ?? DEFAULT_REGION;

  async function credentials(): Promise<AwsCredentials> {
    const { DefaultAwsCredentialsManager } = await importOptional(
      () => import('@backstage/integration-aws-node'),
      '@backstage/integration-aws-node',
      'aws',
    );
    const manager = DefaultAwsCredentialsManager.fromConfig(rootConfig);
    const { sdkCredentialProvider } = await manager.getCredentialProvider();
    if (!auth.assumeRole) {
      return sdkCredentialProvider();
    }
    const { fromTemporaryCredentials } = await importOptional(
      () => import('@aws-sdk/credential-providers'),
      '@aws-sdk/credential-providers',
      'aws',
    );
    return fromTemporaryCredentials({
      masterCredentials: sdkCredentialProvider,
      clientConfig: { region },
      params: { RoleArn: auth.assumeRole, ExternalId: auth.externalId },
    })();
  }

  return cachedTokens(async () => {
    const nowMs = Date.now();
    return {
      token: eksToken({
        credentials: await credentials(),
        clusterId: auth.clusterId,
        region,
        nowMs,
      }),
      expiresAtMs: nowMs + TOKEN_LIVES_MS,
    };
  });
}
