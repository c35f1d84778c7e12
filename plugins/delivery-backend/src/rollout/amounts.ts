import { Amount } from '@slipway/backstage-plugin-delivery-common';

/** An amount of `replicas` instances; a share is rounded as asked. */
export function resolveAmount(
  amount: Amount,
  replicas: number,
  round: 'up' | 'down' = 'up',
): number {
  if ('count' in amount) {
    return Math.max(0, Math.floor(amount.count));
  }
  const exact = (replicas * amount.percent) / 100;
  // 4 × 35 % is 1.4000000000000001: without the tolerance an exact count
  // would be rounded up to one more.
  return Math.max(
    0,
    round === 'up' ? Math.ceil(exact - 1e-9) : Math.floor(exact + 1e-9),
  );
}

/** The instances that are needed to carry a share of the traffic. */
export function replicasFor(percent: number, replicas: number): number {
  return Math.min(replicas, resolveAmount({ percent }, replicas, 'up'));
}

/** "10 %", "2.5 %" */
export function formatPercent(percent: number): string {
  return `${Math.round(percent * 10) / 10} %`;
}
