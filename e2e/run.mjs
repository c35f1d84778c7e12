// Runs end-to-end suites, all of them or those that are named
// (`node e2e/run.mjs stories`): the portal is started by the README's command,
// and used in a real browser. Needs Chromium, git and free ports 3000 and 7007.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const named = process.argv.slice(2).filter(name => !name.startsWith('-'));
const files = fs
  .readdirSync(here)
  .filter(file => file.endsWith('.test.mjs'))
  .filter(
    file =>
      named.length === 0 || named.includes(file.slice(0, -'.test.mjs'.length)),
  )
  .sort()
  .map(file => path.join(here, file));
const child = spawn(
  process.execPath,
  [
    '--test',
    '--test-concurrency=1',
    '--test-reporter=spec',
    ...process.argv.slice(2).filter(option => option.startsWith('-')),
    ...files,
  ],
  { stdio: 'inherit' },
);
child.on('close', code => process.exit(code ?? 1));
