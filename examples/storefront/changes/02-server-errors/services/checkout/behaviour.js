'use strict';
// Every fifth request fails: the payment client gives up too early.
let requests = 0;

exports.answer = {
  greeting: 'Thank you for shopping with us',
  ready: () => ({ ready: true }),
  before: async () => {
    requests += 1;
    if (requests % 5 === 0) {
      throw Object.assign(new Error('payment client gave up'), { status: 500 });
    }
  },
  started: () => {},
};
