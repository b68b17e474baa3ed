import { LatteFlowError } from '@latte-flow/core';

interface Flaw {
  readonly where: string;
  readonly expected: string;
  readonly got: string;
  readonly remedy?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Refuses the content of a file: throws a `LatteFlowError` with code `checkpoint-invalid`. */
export function refuseFile(flaw: Flaw): never {
  throw new LatteFlowError('checkpoint-invalid', {
    remedy: 'The file is damaged or was cut short: download or export it again.',
    ...flaw,
  });
}
