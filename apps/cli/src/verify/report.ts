import { setImmediate } from 'node:timers/promises';

import { isAbort, throwIfAborted } from '@latte-flow/core';
import type { DtypeRules } from '@latte-flow/checkpoint';
import type { Device } from '@latte-flow/runtime';

import { errorBetween, type Metric, type Quantity, type Visible } from './compare.ts';

export type Status = 'pass' | 'fail' | 'unsupported';

/** One quantity of one fixture: a line of `latte verify`. */
export interface CheckLine {
  readonly fixture: string;
  readonly kind: string;
  /** `*` means the whole fixture. */
  readonly quantity: string;
  readonly status: Status;
  /** null where nothing could be compared, or a value was not finite. */
  readonly error: number | null;
  readonly metric: Metric;
  readonly tolerance: number;
  readonly device: Device;
  /** Why nothing could be compared. */
  readonly message?: string;
}

/** How close a quantity must be. */
export interface Bound {
  readonly metric: Metric;
  readonly tolerance: number;
}

export const EXACT: Bound = { metric: 'exact', tolerance: 0 };

/** How close what is computed from weights must be where some of these are asked for as halves. */
export const FLOAT16_BOUND: Bound = { metric: 'scaled', tolerance: 1e-2 };

/** How close what is computed from a model's weights must be where these are float32. */
export interface WeightsBound extends Bound {
  readonly ofWeights: true;
}

interface Comparison extends Bound {
  readonly visible?: Visible;
  /** True for what is computed from a model's weights. */
  readonly ofWeights?: true;
}

interface ReportOptions {
  readonly fixture: string;
  readonly kind: string;
  readonly device: Device;
  /** float32 and float16; default: as the fixture has them. */
  readonly dtype?: DtypeRules;
  readonly signal?: AbortSignal;
  readonly onLine: (line: CheckLine) => void;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Collects the lines of one fixture. A check that throws becomes a `fail` line, and the next one runs. */
export class FixtureReport {
  readonly device: Device;
  /** What weights are to be kept as, where that was asked for. */
  readonly dtype: DtypeRules | undefined;
  readonly signal: AbortSignal | undefined;
  readonly #options: ReportOptions;
  #lines = 0;

  constructor(options: ReportOptions) {
    this.#options = options;
    this.device = options.device;
    this.dtype = options.dtype;
    this.signal = options.signal;
  }

  /** Whether halves were asked for. */
  get hasHalves(): boolean {
    return [this.dtype]
      .flatMap((rules) => (typeof rules === 'object' ? Object.values(rules) : rules))
      .includes('float16');
  }

  get lines(): number {
    return this.#lines;
  }

  #emit(line: Pick<CheckLine, 'quantity' | 'status' | 'error' | 'metric' | 'tolerance' | 'message'>): void {
    const { fixture, kind, device, onLine } = this.#options;
    const { quantity, status, error, metric, tolerance, message } = line;
    this.#lines++;
    onLine({
      fixture,
      kind,
      quantity,
      status,
      error,
      metric,
      tolerance,
      device,
      ...(message === undefined ? {} : { message }),
    });
  }

  /** Compares what `work` returns, the project's quantity and the fixture's. */
  async compare(
    quantity: string,
    { visible, ofWeights, ...bound }: Comparison,
    work: () => Promise<readonly [actual: Quantity, expected: Quantity]> | readonly [Quantity, Quantity],
  ): Promise<void> {
    const { metric, tolerance } = ofWeights && this.hasHalves ? FLOAT16_BOUND : bound;
    await this.section(quantity, async () => {
      const [actual, expected] = await work();
      const error = errorBetween(actual, expected, { metric, visible });
      const status = error <= tolerance ? 'pass' : 'fail';
      this.#emit({ quantity, status, error: Number.isFinite(error) ? error : null, metric, tolerance });
    });
  }

  /** Runs work that makes checks of its own; if it throws, the quantity that names it fails. */
  async section(quantity: string, work: () => Promise<void>): Promise<void> {
    await setImmediate(); // a turn for Ctrl-C: on the CPU and WASM no check lets the event loop have one
    throwIfAborted(this.signal);
    try {
      await work();
    } catch (error) {
      if (isAbort(error, this.signal)) throw error;
      this.fail(quantity, messageOf(error));
    }
  }

  fail(quantity: string, message: string): void {
    this.#emit({ quantity, status: 'fail', error: null, ...EXACT, message });
  }

  unsupported(quantity: string, message: string): void {
    this.#emit({ quantity, status: 'unsupported', error: null, ...EXACT, message });
  }
}
