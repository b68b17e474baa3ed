/** Contents that were used before, by device; the oldest goes first. */
const MAX_CACHED = 4096;
const caches = new WeakMap<GPUDevice, Map<string, GPUBuffer>>();

const bits = new ArrayBuffer(4);
const [asFloat, asUint] = [new Float32Array(bits), new Uint32Array(bits)];

/** Every scalar as its 4 bytes: f32 by its declaration, else an integer. */
function encode(declarations: readonly string[], values: readonly number[]): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(Math.max(1, values.length) / 4) * 4); // a struct's size is a multiple of 16 bytes
  declarations.forEach((declaration, i) => {
    if (declaration.endsWith('f32')) asFloat[0] = values[i]!;
    else asUint[0] = values[i]!;
    words[i] = asUint[0]!;
  });
  return words;
}

/**
 * A uniform buffer of these values. Buffers are kept by content, because the ops of a model run with the same few sizes
 * again and again: no buffer is made or written for an op that ran before. What changes at every step (a learning
 * rate) belongs in a tensor. A buffer that the cache lets go stays alive as long as commands use it.
 */
export function uniformBuffer(
  device: GPUDevice,
  declarations: readonly string[],
  values: readonly number[],
): GPUBuffer {
  let cache = caches.get(device);
  if (cache === undefined) caches.set(device, (cache = new Map()));
  const words = encode(declarations, values);
  const key = words.join();
  const cached = cache.get(key);
  if (cached !== undefined) return cached;
  const buffer = device.createBuffer({ size: words.byteLength, usage: 0x40 | 0x8 }); // UNIFORM | COPY_DST
  device.queue.writeBuffer(buffer, 0, words);
  if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value!);
  cache.set(key, buffer);
  return buffer;
}
