import {
  DASH,
  formatCountdown,
  formatDuration,
  formatMetric,
  formatPercent,
  formatRelative,
} from './format';

describe('format', () => {
  it.each([
    [0.9995, 'ratio', '99.95 %'],
    [0.939, 'ratio', '93.9 %'],
    [84.26, 'milliseconds', '84.3 ms'],
    [3, 'count', '3'],
    [undefined, 'ratio', DASH],
    [Number.NaN, 'ratio', DASH],
    [Infinity, 'milliseconds', DASH],
  ] as const)('shows %s as a %s: %s', (value, unit, text) => {
    expect(formatMetric(value, unit)).toBe(text);
  });

  it('shows unknown shares with a dash, never as zero', () => {
    expect(formatPercent(undefined)).toBe(DASH);
    expect(formatPercent(0)).toBe('0 %');
  });

  it('counts down to nothing and not below', () => {
    expect(formatCountdown(192_000)).toBe('3:12');
    expect(formatCountdown(3_727_000)).toBe('1:02:07');
    expect(formatCountdown(-5_000)).toBe('0:00');
  });

  it.each([
    [400, '400 ms'],
    [45_000, '45 s'],
    [192_000, '3 min 12 s'],
    [7_500_000, '2 h 5 min'],
  ])('says %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('does not put into the future what a faster clock has just written', () => {
    expect(formatRelative(10_900, 10_000)).toBe('0 sec. ago');
    expect(formatRelative(10_000, 10_000)).toBe('0 sec. ago');
    expect(formatRelative(70_000, 10_000)).toBe('in 1 min.');
  });
});
