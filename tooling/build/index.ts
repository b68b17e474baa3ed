import { buildPackages } from './build-packages.ts';

try {
  await buildPackages();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
