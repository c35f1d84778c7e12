import { run } from './run';

run(process.argv.slice(2), {
  env: process.env,
  out: text => process.stdout.write(text),
  err: text => process.stderr.write(text),
  pollMs: 1_000,
}).then(code => {
  // Not process.exit: what was printed must reach a slow pipe first.
  process.exitCode = code;
});
