'use strict';
// Each request waits for a report nobody reads.
exports.answer = {
  greeting: 'Thank you for shopping with us',
  ready: () => ({ ready: true }),
  before: () => new Promise(resolve => setTimeout(resolve, 600)),
  started: () => {},
};
