import type { BufferPool } from './backend.ts';

/**
 * The buffers of one captured step. What the step is done with goes to its next op at once: commands run in their order,
 * at every replay. Uploaded constants keep a buffer of their own, which no command may overwrite.
 */
export class CapturePool implements BufferPool {
  readonly #device: GPUDevice;
  readonly #all: GPUBuffer[] = [];
  readonly #free = new Map<string, GPUBuffer[]>();
  readonly #own = new Set<GPUBuffer>();
  readonly #outer: BufferPool;
  /** Buffers from before the capture that the step let go: its commands may use them, so they go back with the step. */
  readonly #borrowed: GPUBuffer[] = [];

  constructor(device: GPUDevice, outer: BufferPool) {
    this.#device = device;
    this.#outer = outer;
  }

  acquireBuffer(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    return this.#free.get(`${size}/${usage}`)?.pop() ?? this.acquireConstant(size, usage, true);
  }

  /** A buffer that was never used, and is not used again unless `reuse`. */
  acquireConstant(size: number, usage: GPUBufferUsageFlags, reuse = false): GPUBuffer {
    const buffer = this.#device.createBuffer({ size, usage });
    this.#all.push(buffer);
    if (reuse) this.#own.add(buffer);
    return buffer;
  }

  releaseBuffer(buffer: GPUBuffer): void {
    if (!this.#own.has(buffer)) {
      if (!this.#all.includes(buffer)) this.#borrowed.push(buffer);
      return;
    }
    const key = `${buffer.size}/${buffer.usage}`;
    const free = this.#free.get(key);
    if (free === undefined) this.#free.set(key, [buffer]);
    else free.push(buffer);
  }

  get bytes(): number {
    return this.#all.reduce((sum, { size }) => sum + size, 0);
  }

  dispose(): void {
    for (const buffer of this.#all) buffer.destroy();
    for (const buffer of this.#borrowed) this.#outer.releaseBuffer(buffer);
  }
}
