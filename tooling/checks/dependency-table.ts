/**
 * The direction of dependencies: what each library may import of the others, directly. What those import it may import
 * too, so arrows point up this list only. docs/architecture.md draws it.
 */
export const dependencyTable: Readonly<Record<string, readonly string[]>> = {
  core: [],
  schedulers: ['core'],
  'expert-router': ['core'],
  checkpoint: ['core'],
  runtime: ['core'],
  ops: ['runtime'],
  'residual-attention': ['ops'],
  autoencoder: ['ops', 'checkpoint'],
  vlm: ['ops', 'checkpoint'],
  model: ['schedulers', 'expert-router', 'residual-attention', 'autoencoder', 'vlm'],
  trainer: ['ops', 'checkpoint'],
  emoji: [],
};

/** Libraries without third-party dependencies, and the few that they may have all the same. */
export const thirdPartyAllowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  schedulers: ['@tensorflow/tfjs-core'],
  'expert-router': [],
  checkpoint: ['@huggingface/hub'],
};

/** The one library that may import TensorFlow.js backends and the umbrella package. */
export const BACKEND_OWNER = 'runtime';

/** Libraries in whose source WebGPU types may appear. */
export const webgpuOwners: readonly string[] = ['runtime', 'ops'];

/** Everything that a library may import of the others, directly or through another; itself excluded. */
export function reachable(name: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const visit = (current: string): void => {
    for (const needed of dependencyTable[current] ?? []) {
      if (seen.has(needed)) continue;
      seen.add(needed);
      visit(needed);
    }
  };
  visit(name);
  return seen;
}
