/** Calls of WebGPU, and the milliseconds that they kept the host's thread. */
export interface CallTotal {
  readonly calls: number;
  readonly milliseconds: number;
}

type Methods = Record<string, (...args: unknown[]) => unknown>;

/**
 * Counts the calls that a program makes of WebGPU from now on, and takes their time on the host. The counts of a step are the
 * same on every device.
 */
export class DeviceCalls {
  readonly #totals = new Map<string, { calls: number; milliseconds: number }>();

  constructor() {
    this.#watch(GPUComputePassEncoder.prototype, ['setPipeline', 'setBindGroup', 'dispatchWorkgroups', 'end']);
    this.#watch(GPUCommandEncoder.prototype, ['beginComputePass', 'copyBufferToBuffer', 'finish']);
    this.#watch(GPUDevice.prototype, ['createCommandEncoder', 'createBindGroup', 'createBuffer']);
    this.#watch(GPUQueue.prototype, ['submit', 'writeBuffer']);
    this.#watch(GPUBuffer.prototype, ['destroy', 'mapAsync', 'getMappedRange']);
  }

  #watch(prototype: object, names: readonly string[]): void {
    const methods = prototype as Methods;
    for (const name of names) {
      const original = methods[name]!;
      const total = { calls: 0, milliseconds: 0 };
      this.#totals.set(name, total);
      methods[name] = function (this: unknown, ...args: unknown[]) {
        const began = performance.now();
        try {
          return original.apply(this, args);
        } finally {
          total.calls++;
          total.milliseconds += performance.now() - began;
        }
      };
    }
  }

  reset(): void {
    for (const total of this.#totals.values()) Object.assign(total, { calls: 0, milliseconds: 0 });
  }

  /** Of each of `steps` steps since the last reset; calls that were not made are left out. */
  perStep(steps: number): Record<string, CallTotal> {
    const mean = (value: number): number => Number((value / steps).toFixed(3));
    const made = [...this.#totals].filter(([, { calls }]) => calls > 0);
    return Object.fromEntries(
      made.map(([name, { calls, milliseconds }]) => [name, { calls: mean(calls), milliseconds: mean(milliseconds) }]),
    );
  }
}
