// What suites on a cluster share lives in src/testing: it calls `describe`, and
// is no suite itself.
module.exports = require('@backstage/cli/config/eslint-factory')(__dirname, {
  overrides: [
    {
      files: ['src/testing/**/*.ts'],
      excludedFiles: ['*.test.ts'],
      rules: {
        'jest/no-disabled-tests': 'off',
        'jest/no-export': 'off',
        'jest/valid-describe-callback': 'off',
        'jest/valid-title': 'off',
      },
    },
  ],
});
