import { LatteFlowError } from '@latte-flow/core';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import type { TrainingRecord } from '../loss-reader.ts';
import { formatRecord } from '../training-log.ts';

function keepUpTo(file: string, step: number): void {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return;
  }
  const kept = text.split('\n').filter((line) => {
    try {
      return (JSON.parse(line) as { step: number }).step <= step;
    } catch {
      return false;
    }
  });
  writeFileSync(file, kept.map((line) => `${line}\n`).join(''));
}

/**
 * An `onLog` that appends one JSON line a record to a file. Lines beyond `step` are dropped first: a run killed after
 * its last save wrote records of steps that the resumed run makes again.
 * @throws LatteFlowError `file-not-writable`
 */
export function logToFile(file: string, { step }: { readonly step: number }): (record: TrainingRecord) => void {
  const attempt = (write: () => void) => {
    try {
      write();
    } catch (cause) {
      throw new LatteFlowError('file-not-writable', {
        where: 'logToFile',
        expected: `to write ${file}`,
        got: cause instanceof Error ? cause.message : String(cause),
        remedy: 'Check that its folder is writable and has room.',
        data: { file },
        cause,
      });
    }
  };
  attempt(() => {
    mkdirSync(dirname(file), { recursive: true });
    keepUpTo(file, step);
  });
  return (record) => attempt(() => appendFileSync(file, formatRecord(record)));
}
