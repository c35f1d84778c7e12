import fc from 'fast-check';
import { digestOf, isDigest, parseDigest } from './digest';
import { formatReference, isTag, parseReference } from './reference';

const DIGEST = digestOf('x');

describe('references', () => {
  it.each([
    ['checkout', { repository: 'checkout' }],
    ['library/node:24', { repository: 'library/node', tag: '24' }],
    [
      '127.0.0.1:5000/a/b:v1',
      { host: '127.0.0.1:5000', repository: 'a/b', tag: 'v1' },
    ],
    ['localhost/a', { host: 'localhost', repository: 'a' }],
    [
      `[::1]:5000/a@${DIGEST}`,
      { host: '[::1]:5000', repository: 'a', digest: DIGEST },
    ],
    [
      `a.example/b--c/d__e:1.2@${DIGEST}`,
      {
        host: 'a.example',
        repository: 'b--c/d__e',
        tag: '1.2',
        digest: DIGEST,
      },
    ],
  ])('reads %s', (text, expected) => {
    const parsed = parseReference(text);
    expect(parsed).toEqual({
      host: undefined,
      tag: undefined,
      digest: undefined,
      ...expected,
    });
    expect(formatReference(parsed)).toBe(text);
  });

  it.each([
    '',
    'A/b',
    'a//b',
    '/a',
    'a/',
    'a/../b',
    'a:-t',
    `a:${'t'.repeat(129)}`,
    'a:',
    'a@sha256:00',
    `a@${DIGEST.toUpperCase()}`,
    'a___b',
    'a b',
    'a?x=1',
    'http://x/a',
    `${'a/'.repeat(140)}a`,
    '-a',
    'a.example:99999999/b',
  ])('refuses %j', text => {
    expect(() => parseReference(text)).toThrow(/Invalid image reference/);
  });

  it('refuses digests that would be paths', () => {
    for (const text of [
      'sha256:../../../etc/passwd',
      `sha256:${'g'.repeat(64)}`,
      `sha256:${'A'.repeat(64)}`,
      `md5:${'0'.repeat(32)}`,
      `sha512:${'0'.repeat(64)}`,
    ]) {
      expect(isDigest(text)).toBe(false);
      expect(() => parseDigest(text)).toThrow(/Invalid digest/);
    }
  });

  it('never reads anything back that it would write in another way', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), text => {
        let parsed;
        try {
          parsed = parseReference(text);
        } catch (error) {
          return;
        }
        expect(formatReference(parsed)).toBe(text);
        expect(parsed.tag === undefined || isTag(parsed.tag)).toBe(true);
      }),
    );
  });
});
