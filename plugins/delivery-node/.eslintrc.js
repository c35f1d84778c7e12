// Contract suites are tests that other packages call: they live in src/testing
// and are exported on purpose.
module.exports = require('@backstage/cli/config/eslint-factory')(__dirname, {
  overrides: [
    {
      files: ['src/testing/**/*.ts'],
      rules: { 'jest/no-export': 'off', 'jest/no-conditional-expect': 'off' },
    },
  ],
});
