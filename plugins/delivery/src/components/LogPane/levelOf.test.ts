import { filterLines, kindsOf } from './filterLines';
import { levelOf } from './levelOf';

describe('the level of a log line', () => {
  it.each([
    ['{"level":"error","msg":"x"}', 'error'],
    ['{"time":1,"level":40,"msg":"warn me"}', 'warning'],
    ['{"severity":"NOTICE"}', 'info'],
    ['ts=1 level=warn msg="no"', 'warning'],
    ['E1124 12:00:00.000000 1 main.go:1] no', 'error'],
    ['2026-11-24 12:00:00,000 [main] DEBUG shop - an ERROR? no', 'debug'],
    ['2026-11-24T12:00:00Z INFO ready', 'info'],
    ['GET /errors 200', undefined],
    ['an error in a sentence', undefined],
    ['{"level":"strange"}', undefined],
    ['', undefined],
  ])('of %s is %s', (text, level) => {
    expect(levelOf(text)).toBe(level);
  });
});

describe('lines of a log', () => {
  const lines = [
    { atMs: 1, text: 'ERROR a', instance: 'one', container: 'app' },
    { atMs: 2, text: 'INFO b', instance: 'one', container: 'proxy' },
    { atMs: 3, text: 'says nothing', instance: 'two', container: 'app' },
  ];
  const all = {
    search: '',
    streams: [],
    tracks: [],
    instances: [],
    containers: [],
    levels: [],
  };

  it('are narrowed down by container, instance and level, each alone and together', () => {
    const texts = (filter: Partial<typeof all>) =>
      filterLines(lines, { ...all, ...filter }).map(({ text }) => text);
    expect(texts({})).toHaveLength(3);
    expect(
      filterLines(lines, { ...all, containers: ['app'] }).map(
        ({ text }) => text,
      ),
    ).toEqual(['ERROR a', 'says nothing']);
    expect(
      filterLines(lines, { ...all, levels: ['error'] }).map(({ text }) => text),
    ).toEqual(['ERROR a']);
    expect(
      filterLines(lines, {
        ...all,
        containers: ['app'],
        instances: ['two'],
      }).map(({ text }) => text),
    ).toEqual(['says nothing']);
  });

  it('have the kinds that there are, in an order that does not change', () => {
    expect(kindsOf(lines)).toEqual({
      streams: ['stdout'],
      levels: ['error', 'info'],
      tracks: [],
      instances: ['one', 'two'],
      containers: ['app', 'proxy'],
    });
  });
});
