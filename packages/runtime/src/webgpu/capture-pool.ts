import type { BufferPool } from './backend.ts';
import { requireBuffer } from './buffer-limits.ts';
import type { CaptureMemory } from './capture-memory.ts';

const UNIFORM = 0x40; // GPUBufferUsage.UNIFORM

const keyOf = ({ size, usage }: { size: number; usage: GPUBufferUsageFlags }): string => `${size}/${usage}`;

/**
 * The buffers of one captured step. What the step is done with goes to its next op at once: commands run in their order,
 * at every replay. What is written once, at the recording, keeps a buffer of its own, which nobody may overwrite: uploaded constants,
 * and the sizes and numbers that ops are told. Counted in the backend's memory.
 */
export class CapturePool implements BufferPool {
  readonly #device: GPUDevice;
  readonly #outer: BufferPool;
  readonly #memory: CaptureMemory;
  readonly #constants = new Set<GPUBuffer>();
  readonly #free = new Map<string, GPUBuffer[]>();
  /** Buffers from before the capture that the step let go: its commands may use them, so they go back with the step. */
  readonly #borrowed: GPUBuffer[] = [];
  #isConstant = false;
  #bytes = 0;
  #disposed = false;

  /** @throws LatteFlowError as `CaptureMemory.lend` */
  constructor(device: GPUDevice, outer: BufferPool, memory: CaptureMemory) {
    this.#device = device;
    this.#outer = outer;
    this.#memory = memory;
    for (const buffer of memory.lend(device, outer)) this.#setFree(buffer);
  }

  acquireBuffer(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const isConstant = this.#isConstant || (usage & UNIFORM) !== 0;
    const free = isConstant ? undefined : this.#free.get(keyOf({ size, usage }))?.pop();
    return free ?? this.#make(size, usage, isConstant);
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

  #make(size: number, usage: GPUBufferUsageFlags, isConstant: boolean): GPUBuffer {
    requireBuffer(this.#device, size, usage);
    const buffer = this.#device.createBuffer({ size, usage });
    this.#bytes += size;
    if (isConstant) {
      this.#constants.add(buffer);
      this.#outer.numBytesUsed += size;
      this.#outer.numBytesAllocated += size;
    } else {
      this.#memory.keep(buffer);
    }
    return buffer;
  }

  #setFree(buffer: GPUBuffer): void {
    const free = this.#free.get(keyOf(buffer));
    if (free === undefined) this.#free.set(keyOf(buffer), [buffer]);
    else free.push(buffer);
  }

  releaseBuffer(buffer: GPUBuffer): void {
    if (this.#constants.has(buffer)) return;
    if (this.#memory.has(buffer)) this.#setFree(buffer);
    else this.#borrowed.push(buffer);
  }

  owns(buffer: GPUBuffer): boolean {
    return this.#constants.has(buffer) || this.#memory.has(buffer);
  }

  /** Whether commands of one step would overwrite what the other holds. */
  sharesMemoryWith(other: CapturePool): boolean {
    return this.#memory === other.#memory;
  }

  /** That the step made: with a shared memory less than it uses. */
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
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of this.#constants) {
      buffer.destroy();
      this.#outer.numBytesUsed -= buffer.size;
      this.#outer.numBytesAllocated -= buffer.size;
    }
    for (const buffer of this.#borrowed) this.#outer.releaseBuffer(buffer);
    this.#constants.clear();
    this.#borrowed.length = 0;
    this.#memory.giveBack();
  }
}
