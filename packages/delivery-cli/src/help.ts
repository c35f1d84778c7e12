import type { Arguments } from './arguments';

type Command = Exclude<Arguments['command'], 'help'>;

/*
 * The layout is the one that tools read: "Usage:", then sections whose items
 * are a name, two spaces and a description. Headings of other sections have no
 * colon, so that the API reports can be made from these pages.
 */

const COMMON = `  -s, --service <ref>       such as component:default/checkout, or a bare name
  --timeout <time>          how long to wait at most: 90s, 30m (default), 2h
  --json                    the result as JSON on standard output
  -h, --help                this page`;

const PAGES: Record<Command, { summary: string; page: string }> = {
  release: {
    summary: 'make a release of a branch, tag or SHA, and bring it on',
    page: `Usage: slipway release <commit> --service <ref> [options]

Makes a release of a branch, tag or SHA. With --environment, brings it there
as soon as it is ready; with --wait, waits for the end.

Options:
  -e, --environment <name>  where to bring it
  --reason <text>           written down with what you do
  --wait                    wait for the end
${COMMON}
`,
  },
  status: {
    summary: 'what runs where',
    page: `Usage: slipway status --service <ref> [options]

Shows what runs where.

Options:
${COMMON}
`,
  },
  check: {
    summary: 'what an environment lacks, and how to give it',
    page: `Usage: slipway check [--environment <name>] [--service <ref>] [options]

Says which right, kind or version is missing, and how to give it: in one
environment or in all of them, for all that the platform gives to services
there, or with --service for one service in one environment. Ends with an error
when deployments cannot work without something that is missing, or when
something could not be looked at.

Options:
  -e, --environment <name>  which environment; default: all, without --service
${COMMON}
`,
  },
  wait: {
    summary: 'wait for the end of a deployment',
    page: `Usage: slipway wait <deployment id> [options]

Waits for the end of a deployment, and ends with its outcome.

Options:
${COMMON}
`,
  },
  rollback: {
    summary: 'go back to an earlier release',
    page: `Usage: slipway rollback --service <ref> --environment <name> [options]

Goes back to an earlier release of the environment; without --to, to the one
before.

Options:
  -e, --environment <name>  where to go back
  --to <release id>         to which release
  --reason <text>           written down with what you do
  --wait                    wait for the end
${COMMON}
`,
  },
  scale: {
    summary: 'run another number of instances',
    page: `Usage: slipway scale --service <ref> --environment <name> --replicas <number> [options]

Runs another number of instances, until the next deployment brings back the
number of its manifests. Refused where an autoscaler has the number, and while
a rollout is under way.

Options:
  -e, --environment <name>  which environment
  --replicas <number>       how many instances
  --reason <text>           written down with what you do
${COMMON}
`,
  },
};

const commands = Object.entries(PAGES)
  .map(([name, { summary }]) => `  ${name.padEnd(26)}${summary}`)
  .join('\n');

const OVERVIEW = `Usage: slipway <command> [options]

Commands:
${commands}

Options:
  -h, --help                this page, or the one of a command

Environment variables
  SLIPWAY_URL    the Backstage backend, such as https://backstage.example.org
  SLIPWAY_TOKEN  a Backstage token, such as one of backend.auth.externalAccess

Exit codes
  0 succeeded   1 failed, blocked, rolled back, aborted   2 errored or unknown
  3 wrong usage   4 denied   5 timed out
`;

/** The page of a command; of all of them when there is none. */
export function helpOf(command: Arguments['command']): string {
  return command === 'help' ? OVERVIEW : PAGES[command].page;
}
