import { LeaseLostError } from '../store';
import { currentStage, putBack, TERMINAL } from './progress';
import { Pulse } from './pulse';
import { clean, End, RunnerContext, write } from './runnerContext';
import { CancelRequested } from './stageErrors';
import { applyCommands } from './verbs';

/** The stage was told to stop: by a person, by the engine, or the lease is lost. */
export async function afterAbort(
  context: RunnerContext,
  pulse: Pulse,
  error: unknown,
): Promise<End> {
  if (error instanceof LeaseLostError) {
    throw error;
  }
  const row = await context.store.releases.get(pulse.lease.id);
  if (!row) {
    return {};
  }
  if (error instanceof CancelRequested) {
    const commands = await context.store.commands.pending([row.id]);
    const told = applyCommands(row, commands, context.nowMs());
    const over = TERMINAL.includes(told.row.status);
    await write(context, pulse.lease, told.row, {
      answers: told.answers,
      end: over ? {} : { wakeAtMs: context.nowMs() },
    });
    if (over) {
      await clean(context, row);
    }
    return {};
  }
  const name = currentStage(row);
  const back = name ? putBack(row, name) : row;
  await write(context, pulse.lease, back, {
    end: { wakeAtMs: context.nowMs() },
  });
  return {};
}
