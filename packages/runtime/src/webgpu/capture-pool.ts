import type { BufferPool } from './backend.ts';
import { requireBuffer } from './buffer-limits.ts';

/**
 * The buffers of one captured step. What the step is done with goes to its next op at once: commands run in their order,
 * at every replay. Uploaded constants keep a buffer of their own, which no command may overwrite. Counted in the backend's
 * memory.
 */
export class CapturePool implements BufferPool {
  readonly #device: GPUDevice;
  readonly #outer: BufferPool;
  readonly #all = new Set<GPUBuffer>();
  readonly #constants = new Set<GPUBuffer>();
  readonly #free = new Map<string, GPUBuffer[]>();
  /** Buffers from before the capture that the step let go: its commands may use them, so they go back with the step. */
  readonly #borrowed: GPUBuffer[] = [];
  #isConstant = false;
  #bytes = 0;

  constructor(device: GPUDevice, outer: BufferPool) {
    this.#device = device;
    this.#outer = outer;
  }

  acquireBuffer(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const free = this.#isConstant ? undefined : this.#free.get(`${size}/${usage}`)?.pop();
    return free ?? this.#make(size, usage);
  }

  /** What `work` acquires was never used, and is not used again. */
  withConstants(work: () => void): void {
    this.#isConstant = true;
    try {
      work();
    } finally {
      this.#isConstant = false;
    }
  }

  #make(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    requireBuffer(this.#device, size, usage);
    const buffer = this.#device.createBuffer({ size, usage });
    this.#all.add(buffer);
    if (this.#isConstant) this.#constants.add(buffer);
    this.#count(size);
    return buffer;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#outer.numBytesUsed += bytes;
    this.#outer.numBytesAllocated += bytes;
  }

  releaseBuffer(buffer: GPUBuffer): void {
    if (this.#constants.has(buffer)) return;
    if (!this.#all.has(buffer)) {
      this.#borrowed.push(buffer);
      return;
    }
    const key = `${buffer.size}/${buffer.usage}`;
    const free = this.#free.get(key);
    if (free === undefined) this.#free.set(key, [buffer]);
    else free.push(buffer);
  }

  owns(buffer: GPUBuffer): boolean {
    return this.#all.has(buffer);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get numBytesUsed(): number {
    return this.#outer.numBytesUsed;
  }

  get numBytesAllocated(): number {
    return this.#outer.numBytesAllocated;
  }

  dispose(): void {
    for (const buffer of this.#all) buffer.destroy();
    for (const buffer of this.#borrowed) this.#outer.releaseBuffer(buffer);
    this.#all.clear();
    this.#borrowed.length = 0;
    this.#count(-this.#bytes);
  }
}
