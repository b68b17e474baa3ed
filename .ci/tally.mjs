// Adds up what the tests and the checks of .ci/run reported, prints `N passed, N failed`, and exits with 1 if any failed.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const text = { type: 'string', default: '' };
const { values } = parseArgs({ options: { tests: text, checks: text, fixtures: text } });

/** A report that is missing or half-written says nothing passed; the exit code then counts as one failure. */
function report(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function tallyTests({ numPassedTests, numFailedTests, testResults }) {
  // A file that could not even be loaded has no test that failed.
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  return { passed: numPassedTests, failed: numFailedTests + broken.length };
}

const tests = report('out/tests.json');
const parts = [
  { ...(tests === undefined ? { passed: 0, failed: 0 } : tallyTests(tests)), exitCode: values.tests },
  { ...(report('out/checks.json') ?? { passed: 0, failed: 0 }), exitCode: values.checks },
  { passed: 0, failed: values.fixtures === 'present' ? 0 : 1, exitCode: '0' },
];

let passed = 0;
let failed = 0;
for (const part of parts) {
  passed += part.passed;
  failed += part.failed === 0 && part.exitCode !== '0' ? 1 : part.failed;
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
