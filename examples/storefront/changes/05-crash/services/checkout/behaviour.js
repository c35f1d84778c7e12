'use strict';
// Starts well, then the receipt cache grows out of its limit.
exports.answer = {
  greeting: 'Thank you for shopping with us',
  ready: () => ({ ready: true }),
  before: async () => {},
  started: () => {
    setTimeout(() => {
      console.error('receipt cache: limit of 4096 entries exceeded, giving up');
      process.exit(1);
    }, 12_000);
  },
};
