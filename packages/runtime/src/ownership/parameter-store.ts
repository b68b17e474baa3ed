import { elementCount, formatShape, LatteFlowError, type Shape } from '@latte-flow/core';
import { keep, tensor, tidy, variable, type Tensor, type Variable } from '@tensorflow/tfjs-core';

import { requireAlive } from './tensor-owner.ts';

/** The values of one parameter on the host: float32, row-major; Linear weights are `[out, in]`. */
export interface ParameterValues {
  readonly shape: Shape;
  readonly values: Float32Array;
}

/** Parameters below one name, e.g. those of `layers.3.self_attn`. Tensors are borrowed from the store. */
export interface ParameterScope {
  /** @throws LatteFlowError `checkpoint-mismatch` if there is no parameter of that name. */
  get<T extends Tensor = Tensor>(name: string): T;
  has(name: string): boolean;
  scope(prefix: string): ParameterScope;
}

export interface UploadOptions {
  /** The public function that loads, for error messages. */
  readonly where: string;
  /** Names and shapes that the model's config asks for; anything missing, extra or misshapen is refused. */
  readonly expected?: ReadonlyMap<string, Shape>;
  /** True makes `tf.Variable`s, which a trainer can update; a function decides by name. Default false. */
  readonly trainable?: boolean | ((name: string) => boolean);
}

function mismatch(where: string, expected: string, got: string, data: Record<string, unknown>): LatteFlowError {
  return new LatteFlowError('checkpoint-mismatch', {
    where,
    expected,
    got,
    remedy: 'Check that config.json and the weights belong to the same model.',
    data,
  });
}

function requireExpected(
  where: string,
  shapes: ReadonlyMap<string, Shape>,
  expected: ReadonlyMap<string, Shape>,
): void {
  for (const [name, shape] of expected) {
    const found = shapes.get(name);
    if (found === undefined) throw mismatch(where, `a tensor named ${name}`, 'weights without it', { name });
    if (formatShape(found) !== formatShape(shape)) {
      throw mismatch(where, `${name} of shape ${formatShape(shape)}`, formatShape(found), { name, shape, found });
    }
  }
  for (const name of shapes.keys()) {
    if (!expected.has(name)) throw mismatch(where, 'only the tensors that config.json names', `also ${name}`, { name });
  }
}

/**
 * The named tensors of a model on the device, float32. Owns them; `dispose` is idempotent and use after it throws.
 */
export class ParameterStore implements ParameterScope, Disposable {
  readonly #tensors: ReadonlyMap<string, Tensor>;
  #disposed = false;

  private constructor(tensors: ReadonlyMap<string, Tensor>) {
    this.#tensors = tensors;
  }

  /**
   * Copies host values to the current backend.
   * @throws LatteFlowError `checkpoint-mismatch` before anything is uploaded if names or shapes differ from `expected`,
   * or if a shape does not fit its number of values.
   */
  static upload(
    entries: Iterable<readonly [string, ParameterValues]>,
    { where, expected, trainable = false }: UploadOptions,
  ): ParameterStore {
    const values = new Map(entries);
    for (const [name, { shape, values: data }] of values) {
      if (elementCount(shape) !== data.length) {
        throw mismatch(where, `${name} to have ${elementCount(shape)} values`, `${data.length}`, { name, shape });
      }
    }
    if (expected !== undefined) {
      requireExpected(where, new Map([...values].map(([name, { shape }]) => [name, shape])), expected);
    }
    const tensors = new Map<string, Tensor>();
    for (const [name, { shape, values: data }] of values) {
      const upload = () => tensor(data, [...shape], 'float32');
      const isTrainable = typeof trainable === 'function' ? trainable(name) : trainable;
      tensors.set(name, isTrainable ? tidy(() => variable(upload(), true)) : keep(upload()));
    }
    return new ParameterStore(tensors);
  }

  get<T extends Tensor = Tensor>(name: string): T {
    requireAlive('ParameterStore.get', 'model', this.#disposed);
    const found = this.#tensors.get(name);
    if (found === undefined) {
      throw mismatch('ParameterStore.get', `a parameter named ${name}`, `${this.#tensors.size} others`, { name });
    }
    return found as T;
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  scope(prefix: string): ParameterScope {
    const full = (name: string) => `${prefix}.${name}`;
    return {
      get: (name) => this.get(full(name)),
      has: (name) => this.has(full(name)),
      scope: (inner) => this.scope(full(inner)),
    };
  }

  names(): readonly string[] {
    return [...this.#tensors.keys()];
  }

  entries(): IterableIterator<[string, Tensor]> {
    requireAlive('ParameterStore.entries', 'model', this.#disposed);
    return this.#tensors.entries() as IterableIterator<[string, Tensor]>;
  }

  /**
   * The parameters as variables, for a trainer.
   * @throws LatteFlowError `invalid-argument` if they were not uploaded with `trainable: true`.
   */
  variables(): ReadonlyMap<string, Variable> {
    for (const [name, value] of this.entries()) {
      if (!('assign' in value)) {
        throw new LatteFlowError('invalid-argument', {
          where: 'ParameterStore.variables',
          expected: 'trainable parameters',
          got: `the constant ${name}`,
          remedy: 'Upload them with trainable: true.',
        });
      }
    }
    return this.#tensors as ReadonlyMap<string, Variable>;
  }

  /** Copies the current values to the host. */
  async download(): Promise<Map<string, ParameterValues>> {
    const values = new Map<string, ParameterValues>();
    for (const [name, value] of this.entries()) {
      values.set(name, { shape: value.shape, values: (await value.data()) as Float32Array });
    }
    return values;
  }

  get bytes(): number {
    return [...this.#tensors.values()].reduce((sum, { size }) => sum + 4 * size, 0);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const value of this.#tensors.values()) value.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
