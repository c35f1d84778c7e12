import { readLines } from './lines';
import { KubeClient, LogOptions } from './types';

/** The end of a container's log, without the time that each line begins with. */
export async function* tail(
  client: Pick<KubeClient, 'logs'>,
  pod: { namespace: string; name: string },
  options: LogOptions & { tailLines: number; limitBytes: number },
  signal: AbortSignal,
): AsyncGenerator<string> {
  for await (const line of readLines(client.logs(pod, options, signal))) {
    yield line.slice(line.indexOf(' ') + 1);
  }
}
