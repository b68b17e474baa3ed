/** Dispatches that one query set has timestamps for: WebGPU allows 4096 queries in a set. */
const CAPACITY = 2048;

/** One dispatch of a step, by what ran: equal ones add up. */
export interface DispatchTime {
  /** The label of its pipeline; TensorFlow.js gives its own none. */
  readonly label: string;
  readonly workgroups: readonly number[];
  /** Microseconds on the device. */
  readonly microseconds: number;
}

/** A pass that puts each of its dispatches into a pass of its own, between two timestamps. */
class TimedPass {
  readonly #times: DispatchTimes;
  readonly #begin: (dispatch: number) => GPUComputePassEncoder;
  #pipeline!: GPUComputePipeline;
  #bindGroup!: GPUBindGroup;

  constructor(times: DispatchTimes, begin: (dispatch: number) => GPUComputePassEncoder) {
    this.#times = times;
    this.#begin = begin;
  }

  setPipeline(pipeline: GPUComputePipeline): void {
    this.#pipeline = pipeline;
  }

  setBindGroup(_: number, bindGroup: GPUBindGroup): void {
    this.#bindGroup = bindGroup;
  }

  dispatchWorkgroups(x: number, y = 1, z = 1): void {
    const pass = this.#begin(this.#times.note(this.#pipeline.label, [x, y, z]));
    pass.setPipeline(this.#pipeline);
    pass.setBindGroup(0, this.#bindGroup);
    pass.dispatchWorkgroups(x, y, z);
    pass.end();
  }

  end(): void {}
}

/**
 * What each dispatch of some work takes on the device, by timestamps: for finding out where a step's time goes. The passes
 * of their own keep dispatches from overlapping, so the sum is somewhat more than the step takes. Dawn rounds timestamps to
 * 100 us unless its flags say `disable-dawn-features=timestamp_quantization`.
 */
export class DispatchTimes {
  readonly #device: GPUDevice;
  readonly #querySet: GPUQuerySet;
  readonly #dispatches: Omit<DispatchTime, 'microseconds'>[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#querySet = device.createQuerySet({ type: 'timestamp', count: 2 * CAPACITY });
  }

  note(label: string, workgroups: readonly number[]): number {
    if (this.#dispatches.length === CAPACITY) throw new Error(`more than ${CAPACITY} dispatches`);
    return this.#dispatches.push({ label: label === '' ? 'tensorflow.js' : label, workgroups }) - 1;
  }

  /** Runs work of which everything is submitted when it ends, and gives the times of its dispatches in their order. */
  async of(work: () => void | Promise<void>): Promise<DispatchTime[]> {
    this.#dispatches.length = 0;
    const encoders = GPUCommandEncoder.prototype;
    const { beginComputePass } = encoders;
    const [times, querySet] = [this, this.#querySet];
    encoders.beginComputePass = function (this: GPUCommandEncoder) {
      const begin = (dispatch: number): GPUComputePassEncoder =>
        beginComputePass.call(this, {
          timestampWrites: {
            querySet,
            beginningOfPassWriteIndex: 2 * dispatch,
            endOfPassWriteIndex: 2 * dispatch + 1,
          },
        });
      return new TimedPass(times, begin) as unknown as GPUComputePassEncoder;
    };
    try {
      await work();
    } finally {
      encoders.beginComputePass = beginComputePass;
    }
    const stamps = await this.#read(2 * this.#dispatches.length);
    return this.#dispatches.map((dispatch, i) => {
      const nanoseconds = Number(stamps[2 * i + 1]! - stamps[2 * i]!);
      return { ...dispatch, microseconds: nanoseconds / 1000 };
    });
  }

  async #read(count: number): Promise<BigUint64Array> {
    const size = 8 * count;
    const resolved = this.#device.createBuffer({
      size,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    const readable = this.#device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
    const encoder = this.#device.createCommandEncoder();
    encoder.resolveQuerySet(this.#querySet, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, readable, 0, size);
    this.#device.queue.submit([encoder.finish()]);
    await readable.mapAsync(GPUMapMode.READ);
    const stamps = new BigUint64Array(readable.getMappedRange().slice(0));
    resolved.destroy();
    readable.destroy();
    return stamps;
  }
}

export type DispatchTotal = DispatchTime & { readonly count: number };

/** Of several runs of the same work: the median of each dispatch, equal ones together, the longest first. */
export function summarise(runs: readonly (readonly DispatchTime[])[]): DispatchTotal[] {
  const groups = new Map<string, DispatchTotal>();
  for (const [i, { label, workgroups }] of runs[0]!.entries()) {
    const sorted = runs.map((run) => run[i]!.microseconds).sort((a, b) => a - b);
    const microseconds = sorted[sorted.length >> 1]!;
    const key = `${label} ${workgroups}`;
    const group = groups.get(key) ?? { label, workgroups, microseconds: 0, count: 0 };
    groups.set(key, { ...group, microseconds: group.microseconds + microseconds, count: group.count + 1 });
  }
  return [...groups.values()].sort((a, b) => b.microseconds - a.microseconds);
}

const PRINTED = 25;

/** The longest on stderr: microseconds in all, how many, of each. */
export function printDispatches(dispatches: readonly DispatchTotal[]): void {
  for (const { label, workgroups, microseconds, count } of dispatches.slice(0, PRINTED)) {
    const [all, each] = [microseconds.toFixed(0).padStart(8), (microseconds / count).toFixed(1).padStart(8)];
    process.stderr.write(`${all} us  ${String(count).padStart(4)} x ${each}  ${label} [${workgroups}]\n`);
  }
}
