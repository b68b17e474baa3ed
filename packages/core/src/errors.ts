/** Stable identifiers of everything that can go wrong; compare these, never the message. */
export type ErrorCode =
  | 'invalid-argument'
  | 'shape-mismatch'
  | 'disposed'
  | 'checkpoint-invalid'
  | 'checkpoint-mismatch'
  | 'file-not-found'
  | 'file-not-writable'
  | 'access-denied'
  | 'download-failed'
  | 'image-invalid'
  | 'context-overflow'
  | 'training-diverged'
  | 'backend-unavailable'
  | 'dependency-missing'
  | 'device-limit'
  | 'device-lost'
  | 'unsupported';

export interface ErrorDetails {
  /** The public function that refused, e.g. `planSampling`. */
  readonly where: string;
  /** What it needs, in words. */
  readonly expected: string;
  /** What it was given. */
  readonly got: string;
  /** What the caller can do about it. */
  readonly remedy: string;
  /** The values behind the message, for programs. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

const ENVIRONMENTAL: ReadonlySet<ErrorCode> = new Set([
  'backend-unavailable',
  'dependency-missing',
  'device-lost',
  'download-failed',
]);
const BRAND = Symbol.for('@latte-flow/error');

/**
 * The one error family of this project. The message reads
 * `where: expected …, got …. Remedy.`
 *
 * `LatteFlowError.isInstance` recognises errors from another copy of the package too.
 */
export class LatteFlowError extends Error {
  override readonly name: string = 'LatteFlowError';
  readonly code: ErrorCode;
  readonly where: string;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, details: ErrorDetails) {
    const { where, expected, got, remedy, data = {}, cause } = details;
    super(`${where}: expected ${expected}, got ${got}. ${remedy}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.where = where;
    this.data = data;
    Object.defineProperty(this, BRAND, { value: true });
  }

  static isInstance(value: unknown): value is LatteFlowError {
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  /** True where the machine, not the input, is at fault: a program exits with 1 instead of 2. */
  get isEnvironmental(): boolean {
    return ENVIRONMENTAL.has(this.code);
  }
}

/** A short, safe rendering of any value for the `got` part of a message. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string')
    return value.length > 80 ? `${JSON.stringify(value.slice(0, 77))}…` : JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name} of ${value.byteLength} bytes`;
  if (Array.isArray(value)) {
    const shown = value.slice(0, 8).map(describeValue).join(', ');
    return value.length > 8 ? `[${shown}, … ${value.length} in all]` : `[${shown}]`;
  }
  if (typeof value === 'object' && value !== null)
    return `an object of type ${value.constructor?.name ?? 'null prototype'}`;
  return String(value);
}

/** Refuses an argument: throws a `LatteFlowError` with code `invalid-argument`. */
export function refuseArgument(details: ErrorDetails): never {
  throw new LatteFlowError('invalid-argument', details);
}
