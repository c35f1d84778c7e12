'use strict';
// What differs between the commits of the example's history.
exports.answer = {
  greeting: 'Thank you! Your tea is on its way',
  ready: () => ({ ready: true }),
  before: async () => {},
  started: () => {},
};
