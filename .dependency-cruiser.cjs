// The walls of the house: what may import what. `yarn lint:imports` checks it.

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment:
        'Files that import each other in a circle have no order in which they can be understood or loaded. ' +
        'Move what both need into a file of its own. Types count as well.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'rooms-have-doors',
      comment: 'A room is entered through its index.ts only.',
      severity: 'error',
      from: {
        path: '^plugins/([^/]+)/src/([^/]+)/',
        pathNot: ['\\.test\\.tsx?$', '/(testing|__testUtils__)/'],
      },
      to: {
        path: '^plugins/$1/src/[^/]+/.+',
        pathNot: [
          '^plugins/$1/src/$2/',
          '^plugins/[^/]+/src/[^/]+/index\\.tsx?$',
        ],
      },
    },
    {
      name: 'decide-is-pure',
      comment: 'The rollout room has no I/O, no clock and no randomness.',
      severity: 'error',
      from: {
        path: '^plugins/delivery-backend/src/rollout/',
        pathNot: '\\.test\\.ts$|/testing/',
      },
      to: { dependencyTypes: ['core'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    // Imports of types tie files together too.
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|dist-types|node_modules)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.js', '.cjs', '.mjs', '.json'],
    },
  },
};
