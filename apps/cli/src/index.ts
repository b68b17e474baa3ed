#!/usr/bin/env node
import process from 'node:process';

import { run } from './program.ts';

const controller = new AbortController();
// Once: a second Ctrl-C ends the process the hard way.
process.once('SIGINT', () => controller.abort());
// A reader that went away (`latte verify … | head`) is not worth a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const { stdout, stderr, env } = process;
process.exitCode = await run(process.argv.slice(2), { stdout, stderr, env, signal: controller.signal });
