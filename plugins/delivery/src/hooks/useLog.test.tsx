import { renderHook, waitFor } from '@testing-library/react';
import { LogChunk } from '@slipway/backstage-plugin-delivery-common';
import { appendChunk, useLog } from './useLog';

function chunk(texts: string[], overrides: Partial<LogChunk> = {}): LogChunk {
  return {
    lines: texts.map(text => ({ atMs: 1, text })),
    nextOffset: String(texts.length),
    ended: false,
    ...overrides,
  };
}

describe('useLog', () => {
  it('goes on from the offset it was given until the log ends', async () => {
    const asked: Array<string | undefined> = [];
    const chunks = [
      chunk(['a', 'b'], { nextOffset: '2' }),
      chunk(['c'], { nextOffset: '3', ended: true }),
    ];
    const { result } = renderHook(() =>
      useLog('one', async ({ after }) => {
        asked.push(after);
        return chunks[asked.length - 1];
      }),
    );
    await waitFor(() => expect(result.current.ended).toBe(true));
    expect(result.current.lines.map(it => it.text)).toEqual(['a', 'b', 'c']);
    expect(result.current.lines.map(it => it.number)).toEqual([0, 1, 2]);
    expect(asked).toEqual([undefined, '2']);
  });

  it('begins anew for another log, without lines of the one before', async () => {
    const { result, rerender } = renderHook(
      ({ name }) => useLog(name, async () => chunk([name], { ended: true })),
      { initialProps: { name: 'build' } },
    );
    await waitFor(() => expect(result.current.ended).toBe(true));
    rerender({ name: 'scan' });
    expect(result.current.lines).toEqual([]);
    await waitFor(() =>
      expect(result.current.lines.map(it => it.text)).toEqual(['scan']),
    );
  });

  it('keeps what it has when a poll fails, and says so', async () => {
    let polls = 0;
    const { result, unmount } = renderHook(() =>
      useLog('one', async () => {
        polls += 1;
        if (polls > 1) {
          throw new Error('the backend is away');
        }
        return chunk(['a']);
      }),
    );
    await waitFor(() =>
      expect(result.current.error?.message).toBe('the backend is away'),
    );
    expect(result.current.lines).toHaveLength(1);
    unmount();
  });

  it('is bounded: the oldest lines go, and are counted', () => {
    const empty = { lines: [], dropped: 0, ended: false, loading: true };
    const many = Array.from({ length: 2_500 }, (_, index) => `${index}`);
    const log = appendChunk(empty, chunk(many, { dropped: 7 }), 0);
    expect(log.lines).toHaveLength(2_000);
    expect(log.lines[0].text).toBe('500');
    expect(log.dropped).toBe(507);
  });
});
