import {
  Actor,
  Finding,
  PolicyRule,
} from '@slipway/backstage-plugin-delivery-common';
import { decideFindings } from './findings';
import { describeDuration, evaluateGates, GatesInput } from './gates';
import { holdAfterOutcome, isAutomation } from './hold';
import { PendingDeployment, QueueInput, queuePolicy } from './queue';

const ann: Actor = { type: 'user', ref: 'user:default/ann' };
const plugin: Actor = { type: 'plugin', ref: 'plugin:delivery' };
const ci: Actor = { type: 'machine', ref: 'machine:ci' };

function finding(
  id: string,
  severity: Finding['severity'],
  fixedIn?: string[],
): Omit<Finding, 'decision' | 'rule'> {
  return {
    id,
    kind: 'vulnerability',
    package: { name: `pkg-${id}`, version: '1.0.0' },
    severity,
    title: id,
    image: 'app',
    ...(fixedIn ? { fixedIn } : {}),
  };
}

describe('findings', () => {
  const FLOOR: PolicyRule[] = [{ severity: 'critical' }];

  it.each<{
    why: string;
    found: Parameters<typeof finding>;
    platform: PolicyRule[];
    repository: PolicyRule[];
    decision: Finding['decision'];
    rule: RegExp;
  }>([
    {
      why: 'the floor blocks whatever the repository says',
      found: ['a', 'critical'],
      platform: FLOOR,
      repository: [],
      decision: 'blocking',
      rule: /^critical severity \(platform policy\)$/,
    },
    {
      why: 'the repository adds',
      found: ['a', 'high', ['2.0.0']],
      platform: FLOOR,
      repository: [{ severity: 'high', fixable: true }],
      decision: 'blocking',
      rule: /^high severity or worse, when a fix exists \(delivery\.yaml\)$/,
    },
    {
      why: 'a rule for the fixable does not touch the rest',
      found: ['a', 'high', []],
      platform: FLOOR,
      repository: [{ severity: 'high', fixable: true }],
      decision: 'reported',
      rule: /^$/,
    },
    {
      why: 'a rule blocks what is worse too',
      found: ['a', 'critical'],
      platform: [],
      repository: [{ severity: 'medium' }],
      decision: 'blocking',
      rule: /^medium severity or worse/,
    },
    {
      why: 'a rule does not block what is less bad',
      found: ['a', 'low'],
      platform: FLOOR,
      repository: [{ severity: 'medium' }],
      decision: 'reported',
      rule: /^$/,
    },
    {
      why: 'a narrower rule of the repository does not take the floor away',
      found: ['a', 'critical', []],
      platform: FLOOR,
      repository: [{ severity: 'critical', fixable: true }],
      decision: 'blocking',
      rule: /platform/,
    },
    {
      why: 'an unknown severity is no low one',
      found: ['a', 'unknown'],
      platform: [{ severity: 'low' }],
      repository: [],
      decision: 'reported',
      rule: /^$/,
    },
    {
      why: 'an unknown severity can be blocked by name',
      found: ['a', 'unknown'],
      platform: [{ severity: 'unknown' }],
      repository: [],
      decision: 'blocking',
      rule: /^unknown severity \(platform policy\)$/,
    },
  ])('$why', ({ found, platform, repository, decision, rule }) => {
    const result = decideFindings([finding(...found)], {
      platform,
      repository,
    });
    expect(result.findings[0].decision).toBe(decision);
    expect(result.result).toBe(decision === 'blocking' ? 'blocked' : 'passed');
    expect(result.findings[0].rule ?? '').toMatch(rule);
  });

  it('are accepted until the exception ends', () => {
    const decide = (nowMs: number) =>
      decideFindings(
        [finding('a', 'critical')],
        { platform: FLOOR, repository: [] },
        {
          nowMs,
          exceptions: [
            {
              findingId: 'a',
              package: 'pkg-a',
              reason: 'not reachable',
              by: 'user:default/ann',
              expiresAtMs: 1_000,
            },
          ],
        },
      );
    expect(decide(999)).toMatchObject({
      accepted: 1,
      blocking: 0,
      result: 'passed',
      findings: [{ rule: expect.stringContaining('not reachable') }],
    });
    expect(decide(1_000)).toMatchObject({ accepted: 0, result: 'blocked' });
  });

  it('are never clean when something was not looked at', () => {
    const rules = { platform: FLOOR, repository: [] };
    expect(decideFindings([], rules).result).toBe('clean');
    expect(
      decideFindings([], rules, { notCovered: ['operating system'] }),
    ).toMatchObject({ result: 'passed', notCovered: ['operating system'] });
  });
});

describe('gates', () => {
  const base: GatesInput = {
    deployment: {
      kind: 'deploy',
      createdBy: plugin,
      releaseId: 'r2',
      releaseVersion: 'v2',
    },
    after: [],
    nowMs: 100_000,
  };
  const staging = { ref: 'staging', healthyForMs: 10_000 };

  it.each<{
    why: string;
    input: Partial<GatesInput>;
    open: boolean;
    message?: RegExp;
    opensAtMs?: number;
  }>([
    { why: 'nothing stands in the way', input: {}, open: true },
    {
      why: 'a hold stops automation',
      input: { hold: { by: ann, sinceMs: 0, reason: 'a sale is on' } },
      open: false,
      message: /on hold since 1970-01-01T00:00:00.000Z: a sale is on/,
    },
    {
      why: 'another release is stable there',
      input: {
        after: [{ ...staging, stableReleaseId: 'r1', healthySinceMs: 0 }],
      },
      open: false,
      message: /^v2 is not what is stable in staging yet$/,
    },
    {
      why: 'it is not healthy, or not known, there',
      input: {
        after: [{ ...staging, stableReleaseId: 'r2', detail: 'no answer' }],
      },
      open: false,
      message:
        /^staging is not seen healthy: no answer; it has to be for 10 s$/,
    },
    {
      why: 'it is healthy for too short a time',
      input: {
        after: [{ ...staging, stableReleaseId: 'r2', healthySinceMs: 96_000 }],
      },
      open: false,
      message: /^staging is healthy for 4 s of 10 s$/,
      opensAtMs: 106_000,
    },
    {
      why: 'it is healthy for long enough',
      input: {
        after: [{ ...staging, stableReleaseId: 'r2', healthySinceMs: 90_000 }],
      },
      open: true,
      message: /^staging is healthy for 10 s of 10 s$/,
    },
  ])('$why', ({ input, open, message, opensAtMs }) => {
    const result = evaluateGates({ ...base, ...input });
    expect(result.open).toBe(open);
    expect(result.opensAtMs).toBe(opensAtMs);
    expect(result.gates[0]?.message ?? '').toMatch(message ?? /^$/);
  });

  it('open when the last of them opens', () => {
    const result = evaluateGates({
      ...base,
      after: [
        { ...staging, stableReleaseId: 'r2', healthySinceMs: 96_000 },
        {
          ref: 'island',
          healthyForMs: 60_000,
          stableReleaseId: 'r2',
          healthySinceMs: 99_000,
        },
      ],
    });
    expect(result).toMatchObject({ open: false, opensAtMs: 159_000 });
  });

  it('are passed over by a person, never silently, and bind machines', () => {
    const closed = {
      ...base,
      hold: { by: ann, sinceMs: 0, reason: 'rolled back' },
      after: [{ ...staging, stableReleaseId: 'r1' }],
    };
    const person = evaluateGates({
      ...closed,
      deployment: { ...base.deployment, createdBy: ann },
    });
    expect(person.open).toBe(true);
    expect(person.bypassed.map(({ gate }) => gate)).toEqual(['hold', 'after']);
    expect(
      evaluateGates({
        ...closed,
        deployment: { ...base.deployment, createdBy: ci },
      }).open,
    ).toBe(false);
    expect([ann, plugin, ci].map(isAutomation)).toEqual([false, true, true]);
  });

  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [4_000, '4 s'],
    [60_000, '1 min'],
    [125_000, '2 min 5 s'],
    [3_780_000, '1 h 3 min'],
    [86_400_000, '24 h'],
  ])('%d ms are %s', (ms, text) => {
    expect(describeDuration(ms)).toBe(text);
  });
});

describe('the queue', () => {
  const waiting = (
    id: string,
    options: Partial<PendingDeployment> = {},
  ): PendingDeployment => ({
    id,
    kind: 'deploy',
    createdBy: plugin,
    open: true,
    ...options,
  });
  const active = { id: 'x', kind: 'deploy' as const, aborting: false };

  it.each<
    { why: string } & QueueInput & {
        start?: string;
        superseded?: string[];
        rejected?: string[];
      }
  >([
    { why: 'nothing waits', mode: 'queue', pending: [] },
    {
      why: 'queue: the oldest goes first',
      mode: 'queue',
      pending: [waiting('a'), waiting('b')],
      start: 'a',
    },
    {
      why: 'queue: nobody passes the active one',
      mode: 'queue',
      active,
      pending: [waiting('a')],
    },
    {
      why: 'queue: one behind a gate does not block, and is overtaken',
      mode: 'queue',
      pending: [waiting('a', { open: false }), waiting('b')],
      start: 'b',
      superseded: ['a'],
    },
    {
      why: 'supersede: the newest goes, the others are overtaken',
      mode: 'supersede',
      pending: [waiting('a'), waiting('b'), waiting('c')],
      start: 'c',
      superseded: ['a', 'b'],
    },
    {
      why: 'supersede: a newer one behind a gate does not keep the older back',
      mode: 'supersede',
      pending: [waiting('a'), waiting('b', { open: false })],
      start: 'a',
    },
    {
      why: 'supersede: the active one is superseded',
      mode: 'supersede',
      active,
      pending: [waiting('a')],
      start: 'a',
    },
    {
      why: 'supersede: never while traffic goes back to stable',
      mode: 'supersede',
      active: { ...active, aborting: true },
      pending: [waiting('a', { createdBy: ann })],
    },
    {
      why: 'supersede: automation does not stop a rollback',
      mode: 'supersede',
      active: { ...active, kind: 'rollback' },
      pending: [waiting('a')],
    },
    {
      why: 'supersede: a person may stop a rollback',
      mode: 'supersede',
      active: { ...active, kind: 'rollback' },
      pending: [waiting('a', { createdBy: ann })],
      start: 'a',
    },
    {
      why: 'supersede: a restart stops nothing',
      mode: 'supersede',
      active,
      pending: [waiting('a', { kind: 'restart', createdBy: ann })],
    },
    {
      why: 'supersede: a restart overtakes nothing',
      mode: 'supersede',
      pending: [
        waiting('a', { open: false }),
        waiting('b', { kind: 'restart' }),
      ],
      start: 'b',
    },
    {
      why: 'reject: the first starts, the others may not wait',
      mode: 'reject',
      pending: [waiting('a'), waiting('b')],
      start: 'a',
      rejected: ['b'],
    },
    {
      why: 'reject: nothing waits beside an active one',
      mode: 'reject',
      active,
      pending: [waiting('a')],
      rejected: ['a'],
    },
  ])('$why', ({ mode, active: running, pending, ...expected }) => {
    expect(queuePolicy({ mode, active: running, pending })).toEqual({
      superseded: [],
      rejected: [],
      ...Object.fromEntries(
        Object.entries(expected).filter(([key]) => key !== 'why'),
      ),
    });
  });
});

describe('a hold after an end', () => {
  it('says what was rolled back and why', () => {
    expect(
      holdAfterOutcome({
        deployment: { id: 'd1', releaseVersion: 'v2' },
        outcome: 'rolled-back',
        reason: { code: 'metric-failed', message: '6.1 % failed' },
        nowMs: 5,
      }),
    ).toEqual({
      by: plugin,
      sinceMs: 5,
      reason: 'v2 was rolled back: 6.1 % failed',
      deploymentId: 'd1',
    });
  });
});
