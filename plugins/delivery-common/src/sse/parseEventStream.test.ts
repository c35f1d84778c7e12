import { EventStreamParser, ServerSentEvent } from './parseEventStream';

function parse(pieces: string[]) {
  const events: ServerSentEvent[] = [];
  const ids: string[] = [];
  const parser = new EventStreamParser({
    onEvent: event => events.push(event),
    onId: id => ids.push(id),
  });
  for (const piece of pieces) {
    parser.push(piece);
  }
  return { events, ids };
}

const STREAM =
  '\uFEFF: comment\nid: 1\nevent: target\ndata: {"a":\ndata: 1}\n\n' +
  'data:no space\r\n\r\nid: 2\n: ping\n\nevent: nothing\n\ndata\r\rid: \0\ndata: x\n\n';

describe('EventStreamParser', () => {
  it('reads the same events however the stream is cut into pieces', () => {
    const whole = parse([STREAM]);
    expect(whole.events).toEqual([
      { id: '1', event: 'target', data: '{"a":\n1}' },
      { id: '1', event: 'message', data: 'no space' },
      { id: '2', event: 'message', data: '' },
      { id: '2', event: 'message', data: 'x' },
    ]);
    expect(whole.ids).toEqual(['2']);
    for (let size = 1; size < 9; size++) {
      const pieces = STREAM.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? [];
      expect(parse(pieces)).toEqual(whole);
    }
  });

  it('does not dispatch an event that is not finished', () => {
    expect(parse(['data: half\n']).events).toEqual([]);
  });

  it('refuses a line without end', () => {
    expect(() => parse(['x'.repeat(5 * 1024 * 1024)])).toThrow(/more than/);
  });
});
