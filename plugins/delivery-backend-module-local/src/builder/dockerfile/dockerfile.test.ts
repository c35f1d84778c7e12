import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { parseDockerfile } from './lines';
import { neededStages, splitStages, targetStage } from './stages';
import { assertSupported } from './support';
import { expandWord, splitWords } from './words';

const CORPUS = resolve(
  __dirname,
  '../../../../../../shared/fixtures/dockerfiles',
);

function stages(text: string, args: Record<string, string> = {}) {
  return splitStages(
    parseDockerfile(text, 'Dockerfile'),
    'Dockerfile',
    args,
    new Map([['TARGETARCH', 'amd64']]),
  );
}

function messageOfError(
  run: () => unknown,
  part: 'name' | 'message' = 'message',
) {
  try {
    run();
    return 'none';
  } catch (error) {
    return String((error as Error)[part]);
  }
}

function nameOfError(run: () => unknown) {
  return messageOfError(run, 'name');
}

describe('reading Dockerfiles', () => {
  it('joins continued lines, drops comments between them, and knows where each began', () => {
    const { instructions } = parseDockerfile(
      [
        '# escape=`',
        '',
        'from scratch',
        '# a comment',
        'ENV a=1 `',
        '  # inside',
        '',
        '  b=2',
        'COPY --chown=1:2 --link [ "a b", "/c" ]',
        'COPY <<EOF /x',
        'RUN not an instruction',
        'EOF',
        'CMD --flag',
      ].join('\r\n'),
      'Dockerfile',
    );
    expect(
      instructions.map(({ keyword, line, rest, flags, hasHeredoc }) => ({
        keyword,
        line,
        rest: rest.replace(/\s+/g, ' '),
        flags: flags.map(({ name, value }) => `${name}=${value}`).join(),
        hasHeredoc,
      })),
    ).toEqual([
      {
        keyword: 'FROM',
        line: 3,
        rest: 'scratch',
        flags: '',
        hasHeredoc: false,
      },
      {
        keyword: 'ENV',
        line: 5,
        rest: 'a=1 b=2',
        flags: '',
        hasHeredoc: false,
      },
      {
        keyword: 'COPY',
        line: 9,
        rest: '[ "a b", "/c" ]',
        flags: 'chown=1:2,link=',
        hasHeredoc: false,
      },
      {
        keyword: 'COPY',
        line: 10,
        rest: '<<EOF /x',
        flags: '',
        hasHeredoc: true,
      },
      { keyword: 'CMD', line: 13, rest: '', flags: 'flag=', hasHeredoc: false },
    ]);
  });

  it.each([
    ['$a', '1'],
    ['${a}', '1'],
    ['x$a-y', 'x1-y'],
    ['"$a b"', '1 b'],
    ["'$a b'", '$a b'],
    ['\\$a', '$a'],
    ['"\\$a \\x"', '$a \\x'],
    ['${none:-d}', 'd'],
    ['${none-${a}}', '1'],
    ['${empty:-d}', 'd'],
    ['${empty-d}', ''],
    ['${a:+set}', 'set'],
    ['${none:+set}', ''],
    ['$none', ''],
    ['a$', 'a$'],
  ])('expands %s to %j', (word, expected) => {
    const variables = new Map([
      ['a', '1'],
      ['empty', ''],
    ]);
    expect(expandWord(word, variables, '\\')).toBe(expected);
  });

  it.each(['${a#x}', '${', '"open', "'open", '${none:?must be set}'])(
    'says that it does not read %s',
    word => {
      expect(() => expandWord(word, new Map(), '\\')).toThrow(
        /not supported|not closed|not set/,
      );
    },
  );

  it('never loops or throws anything but its own errors on any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: 200 }), text => {
        for (const read of [
          () => parseDockerfile(text, 'Dockerfile'),
          () =>
            splitWords(text, '\\').map(word =>
              expandWord(word, new Map(), '\\'),
            ),
        ]) {
          expect(['none', 'InputError', 'WordError']).toContain(
            nameOfError(read),
          );
        }
      }),
    );
  });

  it.each([
    ['FROM a\nRUN make', /^Dockerfile:2: RUN needs a container.*BuildKit/],
    ['FROM a\nONBUILD COPY . .', /^Dockerfile:2: ONBUILD/],
    ['FROM a\n\nCOPY --parents a b', /^Dockerfile:3: COPY --parents/],
    ['FROM a\nADD --checksum=x a b', /^Dockerfile:2: ADD --checksum/],
    ['FROM a\nCOPY <<X /y\nX', /^Dockerfile:2: COPY with text/],
    ['FROM a\nFETCH x', /^Dockerfile:2: FETCH is not an instruction/],
    ['COPY a b', /^Dockerfile:1: COPY comes before the first FROM/],
    ['# nothing', /^Dockerfile:1: there is no FROM/],
    ['FROM', /^Dockerfile:1: FROM needs an image/],
    ['ARG V\nFROM node:$V$V', undefined],
    ['ARG V\nFROM $V', /^Dockerfile:2: the base image "\$V" is empty/],
    ['FROM a\nENV', /^Dockerfile:2: ENV needs arguments/],
    ['FROM a b', /^Dockerfile:1: FROM needs an image/],
    ['FROM a\n{"x": 1}', /^Dockerfile:2: .* is not an instruction/],
  ])('tells the line and the way out: %j', (text, message) => {
    const read = () => {
      const dockerfile = stages(text);
      assertSupported(
        neededStages(
          dockerfile,
          targetStage(dockerfile, 'Dockerfile', undefined),
        ),
        'Dockerfile',
      );
    };
    expect(messageOfError(read)).toMatch(message ?? /^none$/);
  });

  it('looks only at the stages that the target needs', () => {
    const dockerfile = stages(
      [
        'FROM a AS tools',
        'RUN make',
        'FROM b AS files',
        'COPY x /x',
        'FROM c AS app',
        'COPY --from=files /x /x',
      ].join('\n'),
    );
    const names = (target?: string) =>
      neededStages(
        dockerfile,
        targetStage(dockerfile, 'Dockerfile', target),
      ).map(({ name }) => name);
    expect(names()).toEqual(['files', 'app']);
    expect(names('tools')).toEqual(['tools']);
    expect(names('1')).toEqual(['files']);
    expect(() => names('nope')).toThrow(
      /no stage "nope"; stages: tools, files/,
    );
  });

  it('reads the instructions of other people as BuildKit does', async () => {
    if (!existsSync(CORPUS)) {
      console.warn(`SKIPPED: the corpus ../shared is not here (${CORPUS})`);
      return;
    }
    const differences: string[] = [];
    const folders = await readdir(join(CORPUS, 'valid'));
    for (const name of folders) {
      const folder = join(CORPUS, 'valid', name);
      const expected = (await readFile(join(folder, 'result'), 'utf8'))
        .split('\n')
        .filter(line => line.startsWith('('))
        .map(line => /^\(([a-z]+)/.exec(line)?.[1].toUpperCase());
      const { instructions } = parseDockerfile(
        await readFile(join(folder, 'Dockerfile'), 'utf8'),
        name,
      );
      const found = instructions.map(({ keyword }) => keyword);
      if (JSON.stringify(found) !== JSON.stringify(expected)) {
        differences.push(`${name}: ${found} instead of ${expected}`);
      }
    }
    expect(folders.length).toBeGreaterThan(10);
    expect(differences).toEqual([]);
  });
});
