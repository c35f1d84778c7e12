import { ServerResponse } from 'node:http';
import {
  InstanceState,
  Observed,
  TargetRef,
  parseTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { Supervisor } from './supervisor';

/*
 * The stream of instance changes: a line of JSON for each, the whole state of
 * the target in it, so that nothing has to be fetched and a lost line harms
 * nobody for longer than until the next one. Whoever connects gets the state
 * of every target first. Empty lines in between show that we live.
 */

const HEARTBEAT_MS = 2_000;
/** A reader that is this far behind is cut off; it will come back. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

/** One line of the stream. */
export interface WatchLine {
  target: TargetRef;
  state: Observed<InstanceState[]>;
}

export function streamChanges(
  supervisor: Supervisor,
  response: ServerResponse,
): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.socket?.setNoDelay(true);
  const write = (text: string) => {
    if (response.writableLength > MAX_BUFFERED_BYTES) {
      response.destroy();
    } else {
      response.write(`${text}\n`);
    }
  };
  const tell = (target: TargetRef, state: Observed<InstanceState[]>) => {
    const line: WatchLine = { target, state };
    write(JSON.stringify(line));
  };
  for (const id of supervisor.list()) {
    tell(parseTarget(id), supervisor.observed(id));
  }
  write('');
  const unwatch = supervisor.watch(tell);
  const heartbeat = setInterval(() => write(''), HEARTBEAT_MS);
  response.on('close', () => {
    clearInterval(heartbeat);
    unwatch();
  });
}
