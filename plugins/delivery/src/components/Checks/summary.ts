import { ConnectionCheck } from '@slipway/backstage-plugin-delivery-common';
import { Tone } from '../../theme';
import { DeliveryT } from '../../translation';

type Status = ConnectionCheck['status'];

/** What needs somebody first. */
const ORDER: readonly Status[] = ['missing', 'unknown', 'limited', 'ok'];

export const CHECK_TONES: Record<Status, Tone> = {
  ok: 'neutral',
  limited: 'waiting',
  missing: 'broken',
  unknown: 'unknown',
};

export interface CheckSummary {
  /** Of what needs somebody most. */
  tone: Tone;
  text: string;
}

/** "1 missing, 2 limited, 5 as they should be"; `undefined`: nothing was looked at. */
export function summaryOf(
  checks: ConnectionCheck[],
  t: DeliveryT,
): CheckSummary | undefined {
  const counted = ORDER.map(status => ({
    status,
    count: checks.filter(check => check.status === status).length,
  })).filter(({ count }) => count > 0);
  return (
    counted[0] && {
      tone: CHECK_TONES[counted[0].status],
      text: counted
        .map(({ status, count }) => t(`checks.count.${status}`, { count }))
        .join(', '),
    }
  );
}

/** What needs somebody, and what is as it should be; each in the order of its tone. */
export function sorted(checks: ConnectionCheck[]): {
  open: ConnectionCheck[];
  fine: ConnectionCheck[];
} {
  return {
    open: checks
      .filter(({ status }) => status !== 'ok')
      .sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status)),
    fine: checks.filter(({ status }) => status === 'ok'),
  };
}
