import fc from 'fast-check';
import { LogLine } from '@slipway/backstage-plugin-delivery-common';
import { newInCanary } from './newInCanary';
import { templateOf } from './template';

function lines(written: string[], options: Partial<LogLine> = {}): LogLine[] {
  return written.map((text, index) => ({
    atMs: 1_000 + index,
    text,
    stream: 'stdout',
    instance: 'shop-1',
    ...options,
  }));
}

function texts(candidate: LogLine[], stable: LogLine[] = []): string[] {
  return newInCanary({ candidate, stable, nowMs: 9_000 }).lines.map(
    ({ text }) => text,
  );
}

describe('new in the canary', () => {
  it('shows what the canary complains of and stable does not', () => {
    const novelty = newInCanary({
      stable: lines([
        'GET /cart 200 in 12 ms',
        'retry 3 failed for request 8f14e45fceea167a: upstream timed out',
      ]),
      candidate: lines([
        'GET /cart 200 in 9 ms',
        'retry 1 failed for request 45c48cce2e2d7fbd: upstream timed out',
        'TypeError: price is undefined for order 1204',
        'TypeError: price is undefined for order 1305',
        'cannot reach 10.0.3.7:5432',
      ]),
      nowMs: 9_000,
    });
    expect(novelty).toEqual({
      atMs: 9_000,
      lines: [
        {
          text: 'TypeError: price is undefined for order 1305',
          count: 2,
          firstAtMs: 1_002,
          lastAtMs: 1_003,
          instance: 'shop-1',
        },
        {
          text: 'cannot reach 10.0.3.7:5432',
          count: 1,
          firstAtMs: 1_004,
          lastAtMs: 1_004,
          instance: 'shop-1',
        },
      ],
      more: 0,
      compared: { candidate: 5, stable: 2 },
    });
  });

  it.each([
    [
      'ISO times',
      '2026-11-24T10:00:00.123Z db failed',
      '2026-11-25 11:12:13,9 +0100 db failed',
    ],
    ['clocks', '10:00:00 db failed', '23:59:59.999 db failed'],
    ['syslog', 'Nov 24 10:00:00 db failed', 'Dec  1 09:00:01 db failed'],
    [
      'access logs',
      '[24/Nov/2026:10:00:00 +0000] "GET /" 500 12',
      '[25/Nov/2026:10:00:01 +0000] "GET /" 500 99',
    ],
    [
      'UUIDs',
      'order 123e4567-e89b-12d3-a456-426614174000 failed',
      'order 9b2e4567-e89b-12d3-a456-426614174fff failed',
    ],
    [
      'hex',
      'span 0af7651916cd43dd failed at 0x7ffe',
      'span b7ad6b7169203331 failed at 0x10',
    ],
    [
      'addresses',
      'connect ECONNREFUSED 127.0.0.1:5432',
      'connect ECONNREFUSED 10.1.2.3:80',
    ],
    [
      'tokens',
      'session 01HF3ZK9QW8R7T6Y5U4I3O2P1A failed',
      'session 01HF3ZK9QW8R7T6Y5U4I3O2P1B failed',
    ],
    ['numbers', 'took 12.5 ms, 3 of 4 failed', 'took 7.25 ms, 1 of 9 failed'],
  ])('takes lines that differ in %s for the same', (_, one, other) => {
    expect(templateOf(one)).toBe(templateOf(other));
    expect(texts(lines([one]), lines([other]))).toEqual([]);
    expect(texts(lines([one, other]))).toHaveLength(1);
  });

  it.each([
    ['a word', 'payment failed', true],
    ['an error code', 'connect ECONNREFUSED', true],
    ['a class of errors', 'ReferenceError: x is not defined', true],
    ['a level in capitals', '[ERROR] no stock', true],
    ['a level as a field', 'time=1 level=error msg="no stock"', true],
    ['a level in JSON', '{"level":"error","msg":"no stock"}', true],
    ['a level as a number', '{"level":50,"msg":"no stock"}', true],
    ['an answer of 5xx', '"POST /pay HTTP/1.1" 503 12', true],
    [
      'an answer of 5xx at info',
      '{"level":"info","msg":"POST /pay","status":500}',
      true,
    ],
    ['a fine level', '[INFO] the error counter is reset', false],
    ['a fine level in JSON', '{"level":30,"msg":"no error found"}', false],
    ['a plain line', 'listening on 8080', false],
    ['an answer of 2xx', '"POST /pay HTTP/1.1" 200 512', false],
  ])('tells by %s whether a line is about a failure', (_, text, expected) => {
    expect(texts(lines([text]))).toHaveLength(expected ? 1 : 0);
  });

  it('takes what goes to stderr for a failure, unless the line says otherwise', () => {
    const options = { stream: 'stderr' as const };
    expect(texts(lines(['something odd'], options))).toHaveLength(1);
    expect(texts(lines(['[INFO] started'], options))).toEqual([]);
  });

  it('compares the messages of structured lines, whatever else they carry', () => {
    expect(
      texts(
        lines(['{"level":"error","msg":"no stock","pod":"canary-abc"}']),
        lines(['{"pod":"stable-xyz","level":"error","msg":"no stock"}']),
      ),
    ).toEqual([]);
  });

  it('tells an answer of 500 from one of 200 to the same request', () => {
    expect(
      texts(lines(['GET /cart 500 in 3 ms']), lines(['GET /cart 200 in 4 ms'])),
    ).toHaveLength(1);
    expect(
      texts(lines(['GET /cart 502 in 3 ms']), lines(['GET /cart 500 in 4 ms'])),
    ).toEqual([]);
  });

  it('keeps a stack with its error, also when instances write in turn', () => {
    const [error, ...frames] = lines([
      'Error: boom',
      '    at pay (/app/pay.js:10:3)',
      '    at main (/app/main.js:1:1)',
    ]);
    const [other] = lines(['Error: bang'], { instance: 'shop-2' });
    expect(texts([error, other, ...frames])).toEqual([
      'Error: boom\n    at pay (/app/pay.js:10:3)\n    at main (/app/main.js:1:1)',
      'Error: bang',
    ]);
  });

  it('leaves out what the supervisor writes', () => {
    expect(
      texts(lines(['exited with code 1: failed'], { stream: 'system' })),
    ).toEqual([]);
  });

  it('is bounded: the most frequent kinds, the rest counted', () => {
    const words = Array.from({ length: 40 }, (__, index) =>
      String.fromCharCode(97 + (index % 26)).repeat(1 + Math.floor(index / 26)),
    );
    const many = lines([
      ...words.map(word => `failed: ${word}`),
      `failed: z ${'x'.repeat(100_000)}`,
      'failed: z',
    ]);
    const novelty = newInCanary({ candidate: many, stable: [], nowMs: 1 });
    expect(novelty.lines).toHaveLength(10);
    expect(novelty.more).toBe(41 - 10);
    expect(novelty.lines[0]).toMatchObject({ text: 'failed: z', count: 2 });
    expect(JSON.stringify(novelty).length).toBeLessThan(15_000);
  });

  it('never shows a line that stable writes too, whatever is written', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 200 }),
      fc.constantFrom('error 1', 'error 2', 'failed at 0xff', '{"msg":"x"'),
    );
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 30 }),
        fc.array(text, { maxLength: 30 }),
        (mine, theirs) => {
          const novelty = newInCanary({
            candidate: lines([...mine, ...theirs]),
            stable: lines(theirs),
            nowMs: 1,
          });
          for (const { text: shown } of novelty.lines) {
            expect(theirs).not.toContain(shown);
          }
          expect(
            newInCanary({
              candidate: lines(theirs),
              stable: lines(theirs),
              nowMs: 1,
            }).lines,
          ).toEqual([]);
        },
      ),
    );
  });

  it('looks at a hostile line in linear time', () => {
    const hostile = lines([
      '9'.repeat(100_000),
      'a1'.repeat(50_000),
      ' '.repeat(100_000),
      `${'0:'.repeat(50_000)}failed`,
      `{${'"a":{'.repeat(3_000)}`,
    ]);
    const startMs = Date.now();
    newInCanary({ candidate: hostile, stable: hostile, nowMs: 1 });
    expect(Date.now() - startMs).toBeLessThan(5_000);
  });
});
