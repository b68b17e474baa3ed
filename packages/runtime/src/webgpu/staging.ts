import type { WebGPUBackend } from './backend.ts';
import { encodeCopy } from './recorder.ts';

const USAGE = 0x2 | 0x4; // MAP_WRITE | COPY_SRC
const WRITE = 0x2; // GPUMapMode.WRITE
/** Arrays of which smaller ones are as fast through the queue. */
const LEAST_BYTES = 2 ** 20;
/**
 * Of all staging buffers, which are kept; what does not fit is left to the queue. A training step uploads some 28 MB, and its buffers
 * come back with the next turn of the event loop, a few steps later.
 */
export const MOST_STAGING_BYTES = 2 ** 27;

/**
 * Host memory that the device copies from, used again and again. `queue.writeBuffer` takes new memory for each large array, which the
 * system has to find page by page: 12 MB took 4.5 ms so. Buffers come back once the commands that read them are done.
 */
export class StagingBuffers {
  readonly #webgpu: WebGPUBackend;
  /** Mapped, ready to be written. */
  readonly #free = new Set<GPUBuffer>();
  /** Read by commands that are not submitted yet. */
  readonly #pending = new Set<GPUBuffer>();
  #bytes = 0;

  constructor(webgpu: WebGPUBackend) {
    this.#webgpu = webgpu;
    const submit = webgpu.submitQueue.bind(webgpu);
    webgpu.submitQueue = () => {
      submit();
      this.#mapAgain();
    };
  }

  /** Copies an array to a buffer, in the order of the commands. False where that is left to the queue. */
  write(target: GPUBuffer, values: ArrayBufferView): boolean {
    if (values.byteLength < LEAST_BYTES) return false;
    const staging = this.#take(values.byteLength);
    if (staging === undefined) return false;
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    new Uint8Array(staging.getMappedRange(0, bytes.length)).set(bytes);
    staging.unmap();
    encodeCopy(this.#webgpu, { source: staging, target, size: bytes.length });
    this.#pending.add(staging);
    return true;
  }

  /** A free buffer that is large enough and not more than twice as large, or a new one. */
  #take(size: number): GPUBuffer | undefined {
    for (const buffer of this.#free) {
      if (buffer.size < size || buffer.size > 2 * size) continue;
      this.#free.delete(buffer);
      return buffer;
    }
    if (this.#bytes + size > MOST_STAGING_BYTES) return undefined;
    this.#bytes += size;
    return this.#webgpu.device.createBuffer({ size, usage: USAGE, mappedAtCreation: true });
  }

  #mapAgain(): void {
    for (const buffer of this.#pending) {
      this.#pending.delete(buffer);
      // A lost device rejects: its buffers are gone.
      buffer.mapAsync(WRITE).then(
        () => this.#free.add(buffer),
        () => (this.#bytes -= buffer.size),
      );
    }
  }
}
