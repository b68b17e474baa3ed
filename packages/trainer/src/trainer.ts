import {
  describeValue,
  eventTurns,
  refuseArgument,
  requireFinite,
  requireInteger,
  throwIfAborted,
} from '@latte-flow/core';
import { gradientScale } from '@latte-flow/ops';
import { requireAlive, type ParameterValues } from '@latte-flow/runtime';
import {
  addN,
  clone,
  dispose,
  keep,
  mul,
  scalar,
  tidy,
  add,
  type Scalar,
  type Tensor1D,
  type TensorContainer,
} from '@tensorflow/tfjs-core';

import { AdamW } from './adamw.ts';
import { BatchStream, type BatchSource } from './batch-stream.ts';
import { CapturedDerivative, differentiate, type Differentiated } from './derivative.ts';
import { LossReader } from './loss-reader.ts';
import { layOutBlocks, type ParameterBlock } from './parameter-block.ts';
import { downloadAverage, downloadState, restoreState, type Trained } from './state-transfer.ts';
import type { RunOptions, TrainerOptions } from './trainer-options.ts';
import type { TrainingState } from './training-state.ts';
import { WeightAverage } from './weight-average.ts';

/** What a step gathers over its batches. */
interface Pass<Batch> {
  readonly derivative: (batch: Batch, index: number) => Differentiated;
  readonly sums: Map<ParameterBlock, Tensor1D>;
  readonly microLosses: Scalar[];
}

/** Steps queued on the device before their losses are waited for. */
const MAX_UNREAD = 32;

/**
 * Trains any model that comes as parameters and a loss: AdamW, clipping, EMA, log records, exact resume.
 * Long-lived: `dispose` frees its tensors; the parameters and their values stay the caller's.
 */
export class Trainer<Batch = TensorContainer> implements Disposable {
  readonly #options: TrainerOptions<Batch>;
  readonly #source: BatchSource<Batch>;
  readonly #microBatches: number;
  readonly #lossScale: number;
  readonly #blocks: readonly ParameterBlock[];
  readonly #optimizer: AdamW;
  readonly #average: WeightAverage | undefined;
  #step = 0;
  #seconds = 0;
  #busy = false;
  #disposed = false;

  /**
   * @throws LatteFlowError `invalid-argument` if nothing is trainable or an option is out of range.
   */
  constructor(options: TrainerOptions<Batch>) {
    const { parameters, clipNorm, learningRate, block = () => 'all', microBatches = 1, lossScale = 1 } = options;
    this.#options = options;
    this.#microBatches = requireInteger('Trainer', 'microBatches', microBatches, { min: 1 });
    this.#lossScale = requireFinite('Trainer', 'lossScale', lossScale, { min: Number.MIN_VALUE });
    if (clipNorm !== undefined) requireFinite('Trainer', 'clipNorm', clipNorm, { min: Number.MIN_VALUE });
    if (typeof learningRate === 'number') requireFinite('Trainer', 'learningRate', learningRate, { min: 0 });
    const disposeBatch = options.disposeBatch ?? ((batch: Batch) => dispose(batch as TensorContainer));
    this.#source = { batch: options.batch, disposeBatch };
    this.#blocks = layOutBlocks(parameters, block);
    this.#optimizer = new AdamW(this.#blocks, options.optimizer);
    this.#average = options.ema === undefined ? undefined : new WeightAverage(this.#optimizer.states, options.ema);
  }

  /** Steps finished. */
  get step(): number {
    return this.#step;
  }

  /**
   * Makes `steps` more steps. Losses are read back while the device works, so `onLog` comes a few steps late.
   * @throws LatteFlowError `training-diverged` naming the step whose loss or gradient norm is not finite; the signal's
   * reason on abort, after the records of finished steps; whatever `batch` and `loss` throw.
   */
  async run(options: RunOptions): Promise<void> {
    const steps = requireInteger('Trainer.run', 'steps', options.steps, { min: 0 });
    const logEvery = requireInteger('Trainer.run', 'logEvery', options.logEvery ?? 10, { min: 1 });
    throwIfAborted(options.signal);
    await this.#exclusively('Trainer.run', () => this.#run({ ...options, steps, logEvery }));
  }

  async #run({ steps, logEvery, signal, onProgress, onLog }: RunOptions & { logEvery: number }): Promise<void> {
    const last = this.#step + steps;
    const [from, to] = [this.#step * this.#microBatches, last * this.#microBatches];
    const batches = new BatchStream(this.#source, { from, to, signal });
    const began = performance.now() - this.#seconds * 1000;
    const seconds = () => (performance.now() - began) / 1000;
    const losses = new LossReader({ seconds, onRecord: (record) => onLog?.(record) });
    const turn = eventTurns();
    const { loss, captured: isCaptured } = this.#options;
    const options = { loss, lossScale: this.#lossScale, blocks: this.#blocks };
    // Of this run alone: between two of them parameters may be put in other places.
    using captured = isCaptured === true ? new CapturedDerivative(options) : undefined;
    const derivative: Pass<Batch>['derivative'] = (batch, index) =>
      captured?.of(batch, index) ?? differentiate(batch, index, options);
    try {
      while (this.#step < last) {
        if (signal?.aborted) break;
        const logged = (this.#step + 1) % logEvery === 0 || this.#step + 1 === last;
        await this.#makeStep(batches, { derivative, losses, logged });
        if (logged || losses.pending >= MAX_UNREAD) await losses.read();
        const metrics = losses.latest === undefined ? undefined : { loss: losses.latest };
        onProgress?.({ stage: 'train', step: this.#step, steps: last, metrics });
        await turn();
      }
      await losses.finish();
      throwIfAborted(signal);
    } finally {
      this.#seconds = seconds();
      await losses.close();
      await batches.close();
    }
  }

  async #makeStep(
    batches: BatchStream<Batch>,
    { derivative, losses, logged }: Pick<Pass<Batch>, 'derivative'> & { losses: LossReader; logged: boolean },
  ): Promise<void> {
    const sums = new Map<ParameterBlock, Tensor1D>();
    const microLosses: Scalar[] = [];
    try {
      for (let micro = 0; micro < this.#microBatches; micro++) {
        const batch = await batches.take();
        try {
          const index = this.#step * this.#microBatches + micro;
          this.#differentiate(batch, { derivative, index, sums, microLosses });
        } finally {
          this.#source.disposeBatch(batch);
        }
        batches.prefetch();
      }
      this.#update(sums, { losses, logged, microLosses });
    } finally {
      dispose([...sums.values(), ...microLosses]);
    }
  }

  /** Adds the gradients of one batch to `sums` and its loss to `microLosses`, both times `lossScale`. */
  #differentiate(
    batch: Batch,
    { derivative, index, sums, microLosses }: Pass<Batch> & { readonly index: number },
  ): void {
    const { loss, gradients } = derivative(batch, index);
    microLosses.push(loss);
    for (const [block, gradient] of gradients) {
      const before = sums.get(block);
      sums.set(block, before === undefined ? gradient : (add(before, gradient) as Tensor1D));
      if (before !== undefined) dispose([before, gradient]);
    }
  }

  #update(
    sums: ReadonlyMap<ParameterBlock, Tensor1D>,
    { losses, logged, microLosses }: { losses: LossReader; logged: boolean; microLosses: readonly Scalar[] },
  ): void {
    const { clipNorm: limit, learningRate: rate } = this.#options;
    const learningRate = typeof rate === 'number' ? rate : rate(this.#step);
    const batches = this.#microBatches * this.#lossScale; // that the sums are of
    tidy(() => {
      const needsNorm = logged || limit !== undefined;
      const { norm, factor } =
        needsNorm && sums.size > 0
          ? gradientScale([...sums.values()], { limit, batches })
          : { norm: undefined, factor: scalar(1 / batches) };
      const average = this.#average && { of: this.#average, rate: this.#average.rate(this.#step) };
      this.#optimizer.update(sums, { learningRate, factor, average });
      this.#step++;
      const loss = batches === 1 ? clone(microLosses[0]!) : (mul(addN([...microLosses]), 1 / batches) as Scalar);
      const gradientNorm = logged && norm !== undefined ? keep(norm) : undefined;
      losses.push({ step: this.#step, loss: keep(loss), learningRate, gradientNorm });
    });
  }

  get #trained(): Trained {
    return { optimizer: this.#optimizer, average: this.#average };
  }

  /** One call at a time may use the state. */
  async #exclusively<T>(where: string, work: () => Promise<T>): Promise<T> {
    requireAlive(where, 'trainer', this.#disposed);
    if (this.#busy) {
      refuseArgument({
        where,
        expected: 'a trainer at rest',
        got: 'one that is running, saving or restoring',
        remedy: 'Await the call before this one.',
      });
    }
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  /**
   * Everything needed to resume, copied to the host.
   * @throws LatteFlowError `training-diverged` if a value is not finite: such a state is not worth keeping.
   */
  async state(): Promise<TrainingState> {
    return this.#exclusively('Trainer.state', async () => {
      const tensors = await downloadState(this.#trained);
      const blockSteps = Object.fromEntries(this.#optimizer.states.map(({ block, steps }) => [block.name, steps]));
      return { step: this.#step, seconds: this.#seconds, blockSteps, tensors };
    });
  }

  /**
   * Goes back to a state: weights (the parameters' too), moments, average, counters.
   * @throws LatteFlowError `checkpoint-mismatch`, before anything changes, if it is of other parameters or blocks.
   */
  async restore(saved: TrainingState): Promise<void> {
    await this.#exclusively('Trainer.restore', async () => {
      restoreState(this.#trained, saved);
      this.#step = saved.step;
      this.#seconds = saved.seconds;
    });
  }

  /**
   * The averaged weights on the host, by parameter name: what to export.
   * @throws LatteFlowError `invalid-argument` without the `ema` option.
   */
  async emaParameters(): Promise<Map<string, ParameterValues>> {
    return this.#exclusively('Trainer.emaParameters', async () => {
      const average = this.#average;
      if (average === undefined) {
        return refuseArgument({
          where: 'Trainer.emaParameters',
          expected: 'a trainer with an average',
          got: `ema ${describeValue(this.#options.ema)}`,
          remedy: 'Pass ema: { decay: 0.999 } to the trainer, or export the parameters themselves.',
        });
      }
      return downloadAverage(average, this.#blocks);
    });
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#optimizer.dispose();
    this.#average?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
