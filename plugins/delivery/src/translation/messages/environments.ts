/** What is looked at of an environment, and how it stands. */
export const checks = {
  status: {
    ok: 'as it should be',
    limited: 'less works without it',
    missing: 'missing',
    unknown: 'not known',
  },
  count: {
    ok_one: '{{count}} as it should be',
    ok_other: '{{count}} as they should be',
    limited_one: '{{count}} without which less works',
    limited_other: '{{count}} without which less works',
    missing_one: '{{count}} missing',
    missing_other: '{{count}} missing',
    unknown_one: '{{count}} not known',
    unknown_other: '{{count}} not known',
  },
  fix: 'What to do: {{title}}',
  told: '{{environment}}: {{summary}}',
} as const;

/** The view of what the platform has. */
export const environments = {
  tabs: {
    label: 'Parts of the Delivery page',
    services: 'Services',
    environments: 'Environments',
  },
  title: 'Environments',
  intro:
    'What the platform has, in promotion order. A check asks the environment itself what is missing before anything is deployed there, and says how to give it.',
  list: 'Environments in promotion order',
  check: 'Check',
  checkAgain: 'Check again',
  checkOf: '{{verb}}: {{environment}}',
  checkAll: 'Check all',
  services: 'Services',
  servicesPart: 'the services of {{environment}}',
  noServices: 'none that you may see',
  count_one: '{{count}} service',
  count_other: '{{count}} services',
  countMore: 'more than {{number}} services',
  quiet: 'nothing waits for anybody',
  waiting_one: '{{count}} needs somebody',
  waiting_other: '{{count}} need somebody',
  waitingMore: 'more than {{number}} need somebody',
  empty: 'The platform has no environment yet.',
  emptyHelp:
    'Name one in the configuration of the backend, with a connection that an installed module makes.',
} as const;
