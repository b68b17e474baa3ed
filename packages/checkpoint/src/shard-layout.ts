/** Files of a folder for items of `bytes`, filled in order: at most `maxBytes` each, unless one item is larger. */
export function fillShards<T>(
  items: readonly T[],
  { maxBytes, bytesOf }: { readonly maxBytes: number; readonly bytesOf: (item: T) => number },
): { readonly file: string; readonly items: readonly T[] }[] {
  const shards: T[][] = [[]];
  let filled = 0;
  for (const item of items) {
    const bytes = bytesOf(item);
    if (filled > 0 && filled + bytes > maxBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)!.push(item);
    filled += bytes;
  }
  if (shards.length === 1) return [{ file: 'model.safetensors', items: shards[0]! }];
  const digits = (n: number) => String(n).padStart(5, '0');
  return shards.map((shard, i) => ({
    file: `model-${digits(i + 1)}-of-${digits(shards.length)}.safetensors`,
    items: shard,
  }));
}

/** `model.safetensors.index.json` of tensors in several files. */
export function encodeIndex(places: Iterable<readonly [string, string]>, totalSize: number): Uint8Array {
  const index = { metadata: { total_size: totalSize }, weight_map: Object.fromEntries(places) };
  return new TextEncoder().encode(`${JSON.stringify(index, null, 2)}\n`);
}
