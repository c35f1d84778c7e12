import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { eksToken } from './aws';
import { cachedTokens } from './tokenSource';

/** SHA-256 as the AWS SDK wants it. */
class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const key =
      secret === undefined || typeof secret === 'string'
        ? secret
        : new Uint8Array(
            ArrayBuffer.isView(secret) ? secret.buffer : secret,
          ).slice();
    this.#hash =
      key === undefined ? createHash('sha256') : createHmac('sha256', key);
  }
  update(data: string | ArrayBuffer | ArrayBufferView) {
    this.#hash.update(typeof data === 'string' ? data : toBytes(data));
  }
  async digest() {
    return new Uint8Array(this.#hash.digest());
  }
  reset() {}
}

function toBytes(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

describe('Tokens of clouds', () => {
  it.each([undefined, 'session/token+with=signs'])(
    'are signed for EKS as the AWS SDK signs (session token: %s)',
    async sessionToken => {
      const credentials = {
        accessKeyId: 'AKIDEXAMPLE',
        secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
        ...(sessionToken && { sessionToken }),
      };
      const region = 'eu-central-1';
      const signingDate = new Date('2026-11-24T12:00:00Z');
      const signer = new SignatureV4({
        credentials,
        region,
        service: 'sts',
        sha256: Sha256,
      });
      const host = `sts.${region}.amazonaws.com`;
      const signed = await signer.presign(
        {
          method: 'GET',
          protocol: 'https:',
          hostname: host,
          path: '/',
          headers: { host, 'x-k8s-aws-id': 'eu' },
          query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
        },
        { expiresIn: 60, signingDate },
      );
      const token = eksToken({
        credentials,
        clusterId: 'eu',
        region,
        nowMs: signingDate.getTime(),
      });
      const [, encoded] = /^k8s-aws-v1\.([\w-]+)$/.exec(token) ?? [];
      const url = new URL(Buffer.from(encoded, 'base64url').toString('utf8'));
      expect(url.host).toBe(host);
      expect(Object.fromEntries(url.searchParams)).toEqual(signed.query);
    },
  );

  it('are fetched once for all who ask, again before they end, and after a refusal', async () => {
    let fetched = 0;
    const lives = [3_600_000, 30_000, 3_600_000, 3_600_000];
    const source = cachedTokens(async () => {
      fetched += 1;
      return {
        token: `token-${fetched}`,
        expiresAtMs: Date.now() + lives[fetched - 1],
      };
    });
    const all = await Promise.all([source.current(), source.current()]);
    expect(all).toEqual(['token-1', 'token-1']);
    source.renew();
    expect(await source.current()).toBe('token-2');
    // That one ends within the minute.
    expect(await source.current()).toBe('token-3');
    expect(await source.current()).toBe('token-3');
  });

  it('are asked for again after a failure', async () => {
    let fails = true;
    const source = cachedTokens(async () => {
      if (fails) {
        throw new Error('no identity');
      }
      return { token: 'good', expiresAtMs: Infinity };
    });
    await expect(source.current()).rejects.toThrow('no identity');
    fails = false;
    expect(await source.current()).toBe('good');
  });
});
