import { readFile } from 'node:fs/promises';

import { parseSafetensors, toFloat32, toIntegers, type TensorView } from '@latte-flow/checkpoint';
import { LatteFlowError } from '@latte-flow/core';
import { tensor, type Tensor } from '@tensorflow/tfjs-core';

import type { Quantity } from './compare.ts';

/** The tensors of a fixture by name; one that is missing is an error that names it. */
export class FixtureTensors {
  readonly #views: ReadonlyMap<string, TensorView>;
  readonly #file: string;

  private constructor(file: string, views: ReadonlyMap<string, TensorView>) {
    this.#file = file;
    this.#views = views;
  }

  static async read(file: string): Promise<FixtureTensors> {
    // A copy that is no Buffer: the slices of a Buffer are views, which may lie where no float32 can.
    return new FixtureTensors(file, parseSafetensors(new Uint8Array(await readFile(file))).tensors);
  }

  has(name: string): boolean {
    return this.#views.has(name);
  }

  /** The part after `prefix` of every name that starts with it. */
  namesAfter(prefix: string): string[] {
    return [...this.#views.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  }

  view(name: string): TensorView {
    const found = this.#views.get(name);
    if (found !== undefined) return found;
    throw new LatteFlowError('checkpoint-invalid', {
      where: 'verify',
      expected: `a tensor ${name} in ${this.#file}`,
      got: 'none',
      remedy: 'Make the fixture again.',
      data: { tensor: name },
    });
  }

  floats(name: string): Float32Array {
    return toFloat32(this.view(name), { name });
  }

  integers(name: string): Int32Array {
    return toIntegers(this.view(name), { name });
  }

  /** Values and shape, of floats or integers. */
  quantity(name: string): Quantity {
    const view = this.view(name);
    const isFloat = /^B?F\d/.test(view.dtype);
    return { values: isFloat ? toFloat32(view, { name }) : toIntegers(view, { name }), shape: view.shape };
  }

  /** A float32 tensor on the device, owned by the caller. */
  upload(name: string): Tensor {
    return tensor(this.floats(name), [...this.view(name).shape], 'float32');
  }

  /** An int32 tensor on the device, owned by the caller. */
  uploadIntegers(name: string): Tensor {
    return tensor(this.integers(name), [...this.view(name).shape], 'int32');
  }
}
