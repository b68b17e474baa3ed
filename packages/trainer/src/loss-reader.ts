import { LatteFlowError } from '@latte-flow/core';
import { stack, tidy, type Scalar } from '@tensorflow/tfjs-core';

/** One line of the training log. */
export interface TrainingRecord {
  /** Steps finished: 1 after the first. */
  readonly step: number;
  /** Loss of this step: the mean of its micro-batches, before the update. */
  readonly loss: number;
  /** Mean over the steps since the record before. */
  readonly meanLoss: number;
  readonly learningRate: number;
  /** Norm of all gradients before clipping. */
  readonly gradientNorm: number;
  /** Time spent training so far, resumed runs included. */
  readonly seconds: number;
}

/** What a step leaves behind on the device. */
export interface StepResult {
  readonly step: number;
  readonly loss: Scalar;
  readonly learningRate: number;
  /** Given for steps that are logged. */
  readonly gradientNorm?: Scalar;
}

interface LossReaderOptions {
  readonly seconds: () => number;
  readonly onRecord: (record: TrainingRecord) => void;
}

function diverged(what: string, value: number, step: number): LatteFlowError {
  return new LatteFlowError('training-diverged', {
    where: 'Trainer.run',
    expected: `a finite ${what}`,
    got: `${value} at step ${step}`,
    remedy: 'Resume from an earlier state with a lower learning rate, or set clipNorm.',
    data: { step, value },
  });
}

/**
 * Reads losses back many at a time, one read in flight, while the device goes on with later steps. So a loss that is
 * not finite is found a few steps late, but its step is named.
 */
export class LossReader {
  readonly #options: LossReaderOptions;
  #pending: StepResult[] = [];
  #reading: Promise<void> = Promise.resolve();
  #sinceRecord: number[] = [];
  /** The newest loss that has been read. */
  latest: number | undefined;

  constructor(options: LossReaderOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#pending.length;
  }

  /** Takes ownership of the tensors. */
  push(result: StepResult): void {
    this.#pending.push(result);
  }

  /** Waits for the read before, then starts reading everything pushed since. */
  async read(): Promise<void> {
    await this.#reading;
    const results = this.#pending;
    this.#pending = [];
    this.#reading = this.#readResults(results);
    // Its failure is thrown by the next `read` or `finish`; until then it must not count as unhandled.
    this.#reading.catch(() => {});
  }

  /** Reads everything and waits for it. */
  async finish(): Promise<void> {
    await this.read();
    await this.#reading;
  }

  async #readResults(results: readonly StepResult[]): Promise<void> {
    if (results.length === 0) return;
    const norms = results.filter(({ gradientNorm }) => gradientNorm !== undefined);
    const all = tidy(() =>
      stack([...results.map(({ loss }) => loss), ...norms.map(({ gradientNorm }) => gradientNorm!)]),
    );
    disposeResults(results);
    const values = await all.data().finally(() => all.dispose());
    results.forEach((result, i) => {
      const loss = values[i]!;
      if (!Number.isFinite(loss)) throw diverged('loss', loss, result.step);
      this.latest = loss;
      this.#sinceRecord.push(loss);
      const norm = norms.indexOf(result);
      if (norm !== -1) this.#record(result, { loss, gradientNorm: values[results.length + norm]! });
    });
  }

  #record({ step, learningRate }: StepResult, { loss, gradientNorm }: { loss: number; gradientNorm: number }): void {
    if (!Number.isFinite(gradientNorm)) throw diverged('gradient norm', gradientNorm, step);
    const losses = this.#sinceRecord;
    this.#sinceRecord = [];
    const meanLoss = losses.reduce((sum, value) => sum + value, 0) / losses.length;
    this.#options.onRecord({ step, loss, meanLoss, learningRate, gradientNorm, seconds: this.#options.seconds() });
  }

  /** Waits for a read in flight, whatever comes of it, and drops what was not read. */
  async close(): Promise<void> {
    await this.#reading.catch(() => {});
    disposeResults(this.#pending);
    this.#pending = [];
  }
}

function disposeResults(results: readonly StepResult[]): void {
  for (const { loss, gradientNorm } of results) {
    loss.dispose();
    gradientNorm?.dispose();
  }
}
