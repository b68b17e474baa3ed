import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { checkSteps, type CheckStep } from './steps.ts';

const USAGE = `Usage: npm run check [-- STEP ...] [-- --summary FILE]
Runs every check, or those named: ${checkSteps.map(({ name }) => JSON.stringify(name)).join(', ')}.
--summary FILE writes {"passed": n, "failed": n} as JSON.
`;

async function faultOf(step: CheckStep): Promise<string | undefined> {
  try {
    return await step.run();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const { values, positionals } = parseArgs({
  options: { summary: { type: 'string' }, help: { type: 'boolean' } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !checkSteps.some((step) => step.name === name));
if (values.help || unknown.length > 0) {
  process.stderr.write(`${unknown.map((name) => `There is no check ${JSON.stringify(name)}.\n`).join('')}${USAGE}`);
  process.exit(unknown.length > 0 ? 2 : 0);
}

const chosen = positionals.length === 0 ? checkSteps : checkSteps.filter(({ name }) => positionals.includes(name));
let failed = 0;
for (const step of chosen) {
  const started = performance.now();
  const fault = await faultOf(step);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (fault !== undefined) {
    failed += 1;
    process.stdout.write(`${fault}\n`);
  }
  process.stdout.write(`${fault === undefined ? 'passed' : 'FAILED'}  ${step.name} (${seconds} s)\n`);
}
if (values.summary !== undefined) {
  await writeFile(values.summary, `${JSON.stringify({ passed: chosen.length - failed, failed })}\n`);
}
process.exitCode = failed === 0 ? 0 : 1;
