import {
  HookModel,
  StepModel,
} from '@slipway/backstage-plugin-delivery-common';
import { Program } from './lower';

function stepsAt(hooks: HookModel[], at: HookModel['at']): StepModel[] {
  return hooks
    .filter(hook => hook.at === at)
    .map(({ job, deadlineMs }) => ({ type: 'hook', job, at, deadlineMs }));
}

/**
 * Puts the Jobs into the program: `before` in front of everything, `after`
 * once the candidate has all the traffic and in front of its promotion, so
 * that a Job that fails still leads back.
 */
export function withHooks(program: Program, hooks: HookModel[]): Program {
  const before = stepsAt(hooks, 'before');
  const after = stepsAt(hooks, 'after');
  if (before.length + after.length === 0) {
    return program;
  }
  const promotion = program.steps[program.steps.length - 1];
  const rest = program.steps.slice(0, -1);
  const carriesAll = rest.some(({ type }) =>
    ['weight', 'roll', 'delegate'].includes(type),
  );
  const { background } = program;
  return {
    steps: [
      ...before,
      ...rest,
      // The first deployment gets its traffic with the promotion otherwise.
      ...(after.length > 0 && !carriesAll
        ? [{ type: 'weight' as const, percent: 100 }]
        : []),
      ...after,
      promotion,
    ],
    ...(background
      ? {
          background: {
            ...background,
            fromIndex: background.fromIndex + before.length,
          },
        }
      : {}),
  };
}
