'use strict';
// Readiness waits for a ledger that is not there.
exports.answer = {
  greeting: 'Thank you for shopping with us',
  ready: () => ({ ready: false, waitingFor: 'the ledger migration 0042' }),
  before: async () => {},
  started: () => {},
};
