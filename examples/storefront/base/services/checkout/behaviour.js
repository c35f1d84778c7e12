'use strict';
// What differs between the commits of the example's history.
exports.answer = {
  greeting: 'Thank you for shopping with us',
  ready: () => ({ ready: true }),
  before: async () => {},
  started: () => {},
};
