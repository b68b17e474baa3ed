import { refuseArgument } from '@latte-flow/core';

import { requireAlive } from '../ownership/tensor-owner.ts';
import type { BufferPool } from './backend.ts';

/**
 * Device memory of the intermediate tensors of captured steps. Steps that share one run one after another, so that together they
 * hold as much as the largest of them needs. Its owner disposes of it; the memory is free once its last step is disposed of too.
 */
export class CaptureMemory implements Disposable {
  readonly #buffers = new Set<GPUBuffer>();
  #place: { readonly device: GPUDevice; readonly counted: BufferPool } | undefined;
  #steps = 0;
  #disposed = false;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Called by a step that is captured, which has all of the buffers to itself while it runs.
   * @param counted the pool in whose numbers the buffers are counted
   * @throws LatteFlowError `disposed`; `invalid-argument` on another device than before
   */
  lend(device: GPUDevice, counted: BufferPool): readonly GPUBuffer[] {
    requireAlive('captureStep', 'capture memory', this.#disposed);
    if (this.#place !== undefined && this.#place.device !== device) {
      refuseArgument({
        where: 'captureStep',
        expected: 'memory of the device in use',
        got: 'memory of another',
        remedy: 'Make a new CaptureMemory for each device.',
      });
    }
    this.#place = { device, counted };
    this.#steps++;
    return [...this.#buffers];
  }

  /** Takes over a buffer that a step made. */
  keep(buffer: GPUBuffer): void {
    this.#buffers.add(buffer);
    this.#count(buffer.size);
  }

  /** A step was disposed of. */
  giveBack(): void {
    this.#steps--;
    this.#freeIfUnused();
  }

  has(buffer: GPUBuffer): boolean {
    return this.#buffers.has(buffer);
  }

  dispose(): void {
    this.#disposed = true;
    this.#freeIfUnused();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #freeIfUnused(): void {
    if (!this.#disposed || this.#steps > 0) return;
    for (const buffer of this.#buffers) buffer.destroy();
    this.#buffers.clear();
    this.#count(-this.#bytes);
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#place === undefined) return;
    this.#place.counted.numBytesUsed += bytes;
    this.#place.counted.numBytesAllocated += bytes;
  }
}
