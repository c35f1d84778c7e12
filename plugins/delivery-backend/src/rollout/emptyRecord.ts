import { TargetRecord } from '@slipway/backstage-plugin-delivery-common';

/** The record of a Target to which nothing was ever deployed. */
export function emptyRecord(): TargetRecord {
  return {
    draining: [],
    promoted: [],
    desired: { revision: 0, generations: [], shares: [] },
  };
}
