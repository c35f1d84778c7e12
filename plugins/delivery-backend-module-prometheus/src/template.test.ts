import fc from 'fast-check';
import { compileQuery, escapePattern, QueryValues } from './template';

const NAMES = { labels: ['namespace', 'service'], patterns: ['pods'] };
const compile = (text: string) => compileQuery(text, NAMES, 'here');

/** Reads the strings of a rendered query as PromQL's lexer does. */
function stringsOf(text: string): { strings: string[]; rest: string } {
  const strings: string[] = [];
  const rest = text.replace(
    /"((?:[^"\\\n]|\\["\\]|\\U[0-9a-f]{8}|\\ufffd)*)"/g,
    (_, inner: string) => {
      strings.push(
        inner.replace(
          /\\(?:U([0-9a-f]{8})|(ufffd)|(.))/g,
          (__, hex?: string, bad?: string, one?: string) => {
            if (hex) {
              return String.fromCodePoint(parseInt(hex, 16));
            }
            return bad ? '\ufffd' : one ?? '';
          },
        ),
      );
      return '<>';
    },
  );
  return { strings, rest };
}

const anything = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.constantFrom('"} or vector(1) #', '\\"', '\n', '`', "'", '{{service}}'),
);

describe('Placeholders of queries', () => {
  const template = compile(
    'sum(rate(a{namespace={{namespace}}, other!={{ service }}, pod=~{{pods}}}[{{window}}])) / 2',
  );
  const values = (text: string): QueryValues => ({
    labels: { namespace: text, service: text },
    patterns: { pods: `${escapePattern(text)}-x` },
    windowMs: 61_500,
  });

  it('cannot be broken out of, whatever the values are', () => {
    fc.assert(
      fc.property(anything, text => {
        const { strings, rest } = stringsOf(template.render(values(text)));
        expect(rest).toBe(
          'sum(rate(a{namespace=<>, other!=<>, pod=~<>}[61500ms])) / 2',
        );
        const whole = [...text]
          .map(one => (/^[\ud800-\udfff]$/.test(one) ? '\ufffd' : one))
          .join('');
        expect(strings.slice(0, 2)).toEqual([whole, whole]);
      }),
      { numRuns: 500 },
    );
  });

  it('of patterns match their value and nothing else', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, other) => {
        const pattern = new RegExp(`^(?:${escapePattern(text)})$`, 's');
        expect(pattern.test(text)).toBe(true);
        expect(pattern.test(other)).toBe(other === text);
      }),
    );
  });

  it.each([
    ['a{b="{{namespace}}"}', /stands inside quotes/],
    ["a{b='x{{namespace}}'}", /stands inside quotes/],
    ['a{b=~{{namespace}}}', /write label=\{\{namespace\}\}/],
    ['a{b={{pods}}}', /write label=~\{\{pods\}\}/],
    ['{{namespace}}', /is a label's value/],
    ['rate(a[{{window}}s])', /after \{\{window\}\} expected/],
    ['a offset {{window}}', /write \[\{\{window\}\}\]/],
    ['a{b={{tenant}}}', /one of \{\{window\}\}, \{\{namespace\}\}/],
    ['a{b={{name space}}}', /expected a placeholder/],
    ['a{b="c}', /does not end/],
    ['a # {{namespace}}', /comments are not taken/],
    [`${'a'.repeat(10_001)}`, /at most 10000/],
  ])('are refused where they would be no whole value: %s', (text, message) => {
    expect(() => compile(text)).toThrow(message);
  });

  it('leave braces, quotes and escapes of the query as they are', () => {
    const text = 'a{b="x\\"}}",c=`d\\`,e=\'"\'}[5m]';
    expect(compile(text).render(values('v'))).toBe(text);
  });
});
