import { MARK_VARIABLE } from './environment';
import { findByEnvironment, sendSignal } from './processes';
import { StateFile } from './state';

/**
 * Ends processes that a killed predecessor started or was stopping in the
 * instant of its death: they carry its mark, and no record names them.
 */
export async function endLostProcesses(
  state: StateFile,
  log: (message: string) => void,
): Promise<void> {
  const known = new Set<number>();
  for (const { generations, jobs = {} } of Object.values(state.targets)) {
    for (const { pid, phase } of Object.values(jobs)) {
      if (pid !== undefined && phase === 'running') {
        known.add(pid);
      }
    }
    for (const { instances } of Object.values(generations)) {
      for (const { pid } of instances) {
        if (pid !== undefined) {
          known.add(pid);
        }
      }
    }
  }
  for (const { pid, group } of await findByEnvironment(
    MARK_VARIABLE,
    state.mark,
  )) {
    // Children of an instance carry the mark too, and are of its group.
    if (!known.has(group)) {
      log(`Ending the lost process ${pid}`);
      sendSignal(pid, 'SIGKILL', { group: false });
    }
  }
}
