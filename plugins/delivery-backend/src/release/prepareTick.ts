import { CommandAnswer } from '@slipway/backstage-plugin-delivery-common';
import { ReleaseRow } from '../store';
import { afterStumble } from './afterError';
import { readCheckpoint } from './checkpoint';
import { currentStage, finish, stageOf, TERMINAL } from './progress';
import { Pulse } from './pulse';
import { clean, End, RunnerContext, write } from './runnerContext';
import { applyCommands } from './verbs';

/** Verbs, waits and leftovers of a killed process, before any stage runs. */
export async function prepareTick(
  context: RunnerContext,
  pulse: Pulse,
  found: ReleaseRow,
): Promise<ReleaseRow | End> {
  const commands = await context.store.commands.pending([found.id]);
  const { row: told, answers } = applyCommands(
    found,
    commands,
    context.nowMs(),
  );
  let row = told;
  if (TERMINAL.includes(row.status)) {
    if (row === found) {
      await context.store.transaction(async tx => {
        await context.store.commands.answer(answers, tx);
        await context.store.work.release(pulse.lease, undefined, tx);
      });
    } else {
      await write(context, pulse.lease, row, { answers, end: {} });
    }
    await clean(context, row);
    return {};
  }
  const { retry, waitsUntilMs } = readCheckpoint(row);
  if (row.status === 'errored' && waitsUntilMs !== undefined) {
    if (context.nowMs() < waitsUntilMs) {
      return waitUntil(context, pulse, row, found, answers, waitsUntilMs);
    }
    row = finish(row, {
      status: 'cancelled',
      stage: currentStage(row),
      reason: {
        code: 'nobody-decided',
        message: `Nobody retried or cancelled the release in time after: ${
          row.reason?.message ?? 'an error'
        }`,
      },
      nowMs: context.nowMs(),
    });
    await write(context, pulse.lease, row, { answers, end: {} });
    await clean(context, row);
    return {};
  }
  const name = currentStage(row);
  if (name && stageOf(row, name).status === 'running') {
    // Whoever ran it is gone without a word; that counts as a try, so that a
    // stage that takes its process down with it does not do so for ever.
    const stumbled = afterStumble(
      context,
      row,
      name,
      `The backend stopped while the stage ${name} was running`,
    );
    if (stumbled.row.status === 'errored') {
      await write(context, pulse.lease, stumbled.row, {
        answers,
        end: { wakeAtMs: stumbled.wakeAtMs },
      });
      return {};
    }
    return write(context, pulse.lease, stumbled.row, { answers });
  }
  if (retry && retry.nextAtMs > context.nowMs()) {
    return waitUntil(context, pulse, row, found, answers, retry.nextAtMs);
  }
  return answers.length > 0
    ? write(context, pulse.lease, row, { answers })
    : row;
}

/** Nothing to do before `wakeAtMs`. */
async function waitUntil(
  context: RunnerContext,
  pulse: Pulse,
  row: ReleaseRow,
  found: ReleaseRow,
  answers: CommandAnswer[],
  wakeAtMs: number,
): Promise<End> {
  if (row !== found) {
    await write(context, pulse.lease, row, { answers, end: { wakeAtMs } });
  } else {
    await context.store.transaction(async tx => {
      await context.store.commands.answer(answers, tx);
      await context.store.work.release(pulse.lease, wakeAtMs, tx);
    });
  }
  return { wakeAtMs };
}
