import {
  GiveBackProgress,
  TargetRecord,
} from '@slipway/backstage-plugin-delivery-common';
import fc from 'fast-check';
import { PAUSE_CEILING_MS } from './deadlines';
import { emptyRecord } from './emptyRecord';
import {
  decideGiveBack,
  GIVE_BACK_DEADLINE_MS,
  giveBackDeadlineMs,
  GiveBackDecision,
  isStepDue,
  keepTarget,
  retryGiveBack,
  startGiveBack,
} from './giveBack';

const ANN = { type: 'user' as const, ref: 'user:default/ann' };
const BOB = { type: 'user' as const, ref: 'user:default/bob' };
const BEGUN_MS = 1_000_000;

const begun = () =>
  startGiveBack({ by: ANN, planId: 'plan-1', nowMs: BEGUN_MS });
const record = (giveBack: GiveBackProgress): TargetRecord => ({
  ...emptyRecord(),
  giveBack,
});
const waits = (message: string) => ({ done: false, message });

function decide(
  giveBack: GiveBackProgress,
  nowMs: number,
  step?: { done: boolean; message: string },
) {
  return decideGiveBack({ record: record(giveBack), giveBack, step, nowMs });
}

function stillWaiting(decision: GiveBackDecision) {
  if (decision.next !== 'wait') {
    throw new Error(`Expected it to wait, but it is ${decision.next}`);
  }
  return decision;
}

/** Run out of time while it waited. */
function overdue(step = waits('0 of 2 ready')) {
  const nowMs = BEGUN_MS + GIVE_BACK_DEADLINE_MS;
  return stillWaiting(decide(begun(), nowMs, step));
}

describe('Giving back', () => {
  it('has its deadline from its beginning, which no step moves', () => {
    let giveBack = begun();
    expect(giveBack.deadlineMs).toBe(BEGUN_MS + GIVE_BACK_DEADLINE_MS);
    for (let minute = 1; minute < 30; minute += 1) {
      const nowMs = BEGUN_MS + minute * 60_000;
      const step = waits(`${minute % 2} of 2 ready`);
      const decision = stillWaiting(decide(giveBack, nowMs, step));
      expect(decision.event).toBeUndefined();
      expect(decision.giveBack).toEqual({ ...begun(), message: step.message });
      giveBack = decision.giveBack;
    }
    expect(giveBackDeadlineMs(giveBack)).toBe(BEGUN_MS + GIVE_BACK_DEADLINE_MS);
  });

  it('stops at its deadline, told with what it waits for and what a person can do', () => {
    const { giveBack, event } = overdue();
    expect(isStepDue(giveBack)).toBe(false);
    expect(event).toMatchObject({
      type: 'give-back-overdue',
      level: 'error',
      message: 'It is not given back after 30 min: 0 of 2 ready',
      reason: {
        code: 'give-back-overdue',
        action: expect.stringMatching(
          /give it back once more; or take over .* after 24 h/,
        ),
      },
    });
    // Told once.
    const later = stillWaiting(decide(giveBack, BEGUN_MS + 3_600_000));
    expect(later).toEqual({ next: 'wait', giveBack });
  });

  it('is done where the last step is, also after the deadline', () => {
    const nowMs = BEGUN_MS + 2 * GIVE_BACK_DEADLINE_MS;
    expect(decide(begun(), nowMs, { done: true, message: 'serves' })).toEqual({
      next: 'done',
    });
  });

  it('says so where the environment has not said what it waits for', () => {
    const nowMs = BEGUN_MS + GIVE_BACK_DEADLINE_MS;
    expect(stillWaiting(decide(begun(), nowMs)).event?.message).toMatch(
      /has not said what it waits for/,
    );
  });

  it('is tried again with all the time, where it stopped', () => {
    const nowMs = BEGUN_MS + 7_200_000;
    const again = retryGiveBack(overdue().giveBack, { by: BOB, nowMs });
    expect(again).toEqual({
      by: BOB,
      sinceMs: BEGUN_MS,
      planId: 'plan-1',
      message: '0 of 2 ready',
      deadlineMs: nowMs + GIVE_BACK_DEADLINE_MS,
    });
    expect(isStepDue(again)).toBe(true);
  });

  it('is ours again where nobody decides, without the right to take from others', () => {
    const { giveBack } = overdue();
    const endMs = BEGUN_MS + GIVE_BACK_DEADLINE_MS + PAUSE_CEILING_MS;
    expect(giveBackDeadlineMs(giveBack)).toBe(endMs);
    expect(decide(giveBack, endMs - 1).next).toBe('wait');
    const decision = decide(giveBack, endMs);
    expect(decision).toMatchObject({
      next: 'keep',
      record: { desired: { revision: 2 } },
      event: {
        type: 'give-back-ended',
        message: expect.stringMatching(/nobody decided for 24 h/),
      },
    });
    expect(decision).not.toHaveProperty('record.giveBack');
    expect(decision).not.toHaveProperty('record.conflict');
  });

  it('is ours with that right where a person takes over', () => {
    expect(
      keepTarget(record(begun()), { force: true, nowMs: 2 }),
    ).toMatchObject({ conflict: { takeOver: true, sinceMs: BEGUN_MS } });
  });

  it('has a deadline too where it was begun before there were any', () => {
    const { deadlineMs: _, ...old } = begun();
    const nowMs = BEGUN_MS + GIVE_BACK_DEADLINE_MS;
    expect(decide(old, nowMs - 1, waits('x'))).not.toHaveProperty(
      'giveBack.overdue',
    );
    expect(decide(old, nowMs, waits('x'))).toHaveProperty('giveBack.overdue');
  });

  it('always ends, whatever the steps and the looks are', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            passMs: fc.integer({ min: 0, max: PAUSE_CEILING_MS }),
            message: fc.string(),
          }),
          { maxLength: 30 },
        ),
        looks => {
          let giveBack = begun();
          let nowMs = BEGUN_MS;
          const told: string[] = [];
          const deadlines: number[] = [];
          const look = (message: string) => {
            const step = isStepDue(giveBack) ? waits(message) : undefined;
            const decision = decide(giveBack, nowMs, step);
            if (decision.next !== 'wait') {
              return true;
            }
            told.push(...(decision.event ? [decision.event.type] : []));
            giveBack = decision.giveBack;
            deadlines.push(giveBackDeadlineMs(giveBack) - nowMs);
            return false;
          };
          let isOver = false;
          for (const { passMs, message } of looks) {
            // Who asked to be woken at the deadline is, at the latest.
            nowMs = Math.min(nowMs + passMs, giveBackDeadlineMs(giveBack));
            isOver ||= look(message);
          }
          for (let most = 0; most < 2 && !isOver; most += 1) {
            nowMs = giveBackDeadlineMs(giveBack);
            isOver = look('the end');
          }
          expect(isOver).toBe(true);
          expect(told.length).toBeLessThanOrEqual(1);
          expect(Math.min(1, ...deadlines)).toBeGreaterThan(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});
