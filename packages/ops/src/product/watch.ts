import type { TunableProduct } from './tuning-table.ts';

/** Collects the products that ops run from its making until `stop`: what a model's `tuneProducts` is to be given. */
export interface ProductWatch {
  /** Each kind of product once. */
  stop(): TunableProduct[];
}

const watches = new Set<Map<string, TunableProduct>>();

/** Watches products whose cut can be tuned: on WebGPU, of more than a few rows. */
export function watchProducts(): ProductWatch {
  const seen = new Map<string, TunableProduct>();
  watches.add(seen);
  return {
    stop: () => {
      watches.delete(seen);
      return [...seen.values()];
    },
  };
}

export function noteProduct(product: TunableProduct): void {
  for (const seen of watches) seen.set(Object.values(product).join(), product);
}
