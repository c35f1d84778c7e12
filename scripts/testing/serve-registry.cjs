// Starts the embedded registry alone, for programs that judge it from outside.
// Usage: node scripts/testing/serve-registry.cjs DIRECTORY [PORT]
// Prints its address on one line when it is ready; ends by SIGTERM.
require('@backstage/cli/config/nodeTransform.cjs');
const path = require('node:path');
const {
  startRegistry,
} = require('../../plugins/delivery-backend-module-local/src/registry');

const [directory, port = '0'] = process.argv.slice(2);
if (!directory) {
  console.error('Usage: serve-registry.cjs DIRECTORY [PORT]');
  process.exit(2);
}
const write = level => (message, meta) =>
  console.error(`${level}: ${message}`, meta ?? '');
const logger = {
  error: write('error'),
  warn: write('warn'),
  info: () => {},
  debug: () => {},
  child: () => logger,
};
startRegistry({
  directory: path.resolve(directory),
  port: Number(port),
  logger,
})
  .then(registry => {
    console.log(registry.access.url);
    process.on('SIGTERM', () => registry.stop().then(() => process.exit(0)));
  })
  .catch(error => {
    console.error(error);
    process.exit(1);
  });
