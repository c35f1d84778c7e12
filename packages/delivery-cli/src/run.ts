import { Arguments, UsageError, parseArguments } from './arguments';
import { check } from './commands/check';
import { release } from './commands/release';
import { rollback } from './commands/rollback';
import { scale } from './commands/scale';
import { status } from './commands/status';
import { wait } from './commands/wait';
import { EXIT, Ending, ExitCode } from './exitCodes';
import { endingOf } from './failures';
import { helpOf } from './help';
import { Session, Surroundings, openSession } from './session';

const COMMANDS: Record<
  Exclude<Arguments['command'], 'help'>,
  (session: Session) => Promise<Ending>
> = { release, status, check, wait, rollback, scale };

/** Runs one command line; never throws. */
export async function run(
  argv: string[],
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { out, err } = surroundings;
  try {
    const args = parseArguments(argv);
    if (args.help || args.command === 'help') {
      out(helpOf(args.command));
      return argv.length === 0 ? EXIT.usage : EXIT.succeeded;
    }
    const ending = await COMMANDS[args.command](
      openSession(args, surroundings),
    );
    out(
      args.json
        ? `${JSON.stringify(ending.result, undefined, 2)}\n`
        : `${ending.message}\n`,
    );
    return ending.code;
  } catch (error) {
    const { code, message } = endingOf(error);
    err(`${message}\n`);
    if (error instanceof UsageError) {
      err('Try "slipway help".\n');
    }
    return code;
  }
}
