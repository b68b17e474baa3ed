import { elementCount, formatShape, LatteFlowError, type Shape } from '@latte-flow/core';
import { keep, Tensor, tensor, tidy, variable, type Variable } from '@tensorflow/tfjs-core';

import { bytesOf, discard, downloadPacked, isOnHost, placePacked, unpacked } from '../packed/packed-parameter.ts';
import type { PackedParameter } from '../packed/packed-parameter.ts';
import type { PackedValues, Weight } from '../packed/packed-weight.ts';
import { uploadNow } from '../webgpu/direct-upload.ts';
import { requireAlive } from './tensor-owner.ts';

/** The values of one parameter on the host: float32, row-major; Linear weights are `[out, in]`. */
export interface ParameterValues {
  readonly shape: Shape;
  readonly values: Float32Array;
}

/** Parameters below one name, e.g. those of `layers.3.self_attn`. Tensors are borrowed from the store. */
export interface ParameterScope {
  /**
   * The float32 tensor. A packed parameter is dequantised anew at each call, and freed with the `tidy` that surrounds the
   * call: call this inside one.
   * @throws LatteFlowError `checkpoint-mismatch` if there is no parameter of that name.
   */
  get<T extends Tensor = Tensor>(name: string): T;
  /**
   * What `linear` and `embed` take: as `get`, but a parameter that lies packed on the device as it is.
   * @throws LatteFlowError `checkpoint-mismatch` if there is no parameter of that name.
   */
  weight(name: string): Weight;
  /** @throws LatteFlowError `checkpoint-mismatch` if there is no parameter of that name. */
  shape(name: string): Shape;
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

export interface LoadOptions extends UploadOptions {
  /** Names and shapes of what is going to be loaded, to be compared with `expected` before anything is read. */
  readonly found: ReadonlyMap<string, { readonly shape: Shape }>;
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

function refusePacked(where: string, name: string): never {
  throw new LatteFlowError('invalid-argument', {
    where,
    expected: 'parameters in float32',
    got: `the packed ${name}`,
    remedy: "Load the model with dtype: 'float32' to train it.",
    data: { name },
  });
}

function requireExpected(
  where: string,
  all: ReadonlyMap<string, { readonly shape: Shape }>,
  expected: ReadonlyMap<string, Shape>,
): void {
  for (const [name, shape] of expected) {
    const found = all.get(name)?.shape;
    if (found === undefined) throw mismatch(where, `a tensor named ${name}`, 'weights without it', { name });
    if (formatShape(found) !== formatShape(shape)) {
      throw mismatch(where, `${name} of shape ${formatShape(shape)}`, formatShape(found), { name, shape, found });
    }
  }
  for (const name of all.keys()) {
    if (!expected.has(name)) throw mismatch(where, 'only the tensors that config.json names', `also ${name}`, { name });
  }
}

function isTrainable(trainable: UploadOptions['trainable'], name: string): boolean {
  return typeof trainable === 'function' ? trainable(name) : trainable === true;
}

function toDevice(name: string, { shape, values }: ParameterValues, trainable: UploadOptions['trainable']): Tensor {
  const upload = () => tensor(values, [...shape], 'float32');
  return isTrainable(trainable, name) ? tidy(() => variable(upload(), true)) : keep(upload());
}

/**
 * The named tensors of a model: float32 on the device, or packed in fewer bits, on a WebGPU device or else on the host, from
 * where they are dequantised when they are used (so that only what an op works on is there as float32). Owns them;
 * `dispose` is idempotent and use after it throws.
 */
export class ParameterStore implements ParameterScope, Disposable {
  readonly #tensors: ReadonlyMap<string, Tensor>;
  readonly #packed: ReadonlyMap<string, PackedParameter>;
  #disposed = false;

  private constructor(tensors: ReadonlyMap<string, Tensor>, packed: ReadonlyMap<string, PackedParameter> = new Map()) {
    this.#tensors = tensors;
    this.#packed = packed;
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
    if (expected !== undefined) requireExpected(where, values, expected);
    const tensors = new Map<string, Tensor>();
    for (const [name, parameter] of values) tensors.set(name, toDevice(name, parameter, trainable));
    return new ParameterStore(tensors);
  }

  /**
   * Copies host values to the current backend one by one, as they are read, so that the host holds one at a time.
   * Packed ones stay packed, in the host's memory where the backend is not WebGPU's; they cannot be trained.
   * @throws LatteFlowError `checkpoint-mismatch` before anything is read if names or shapes differ from `expected`,
   * `invalid-argument` for a packed parameter that is to be trained; what reading throws. Nothing stays on the device.
   */
  static async load(
    parameters: AsyncIterable<readonly [string, ParameterValues | PackedValues]>,
    { where, found, expected, trainable = false }: LoadOptions,
  ): Promise<ParameterStore> {
    if (expected !== undefined) requireExpected(where, found, expected);
    const tensors = new Map<string, Tensor>();
    const packed = new Map<string, PackedParameter>();
    const store = new ParameterStore(tensors, packed);
    try {
      for await (const [name, parameter] of parameters) {
        if ('dequantise' in parameter) {
          if (isTrainable(trainable, name)) refusePacked(where, name);
          packed.set(name, placePacked(parameter));
          continue;
        }
        const uploaded = toDevice(name, parameter, trainable);
        tensors.set(name, uploaded);
        uploadNow(uploaded);
      }
      return store;
    } catch (error) {
      store.dispose();
      throw error;
    }
  }

  get<T extends Tensor = Tensor>(name: string): T {
    const found = this.#find('ParameterStore.get', name);
    return (found instanceof Tensor ? found : unpacked(found)) as T;
  }

  weight(name: string): Weight {
    const found = this.#find('ParameterStore.weight', name);
    return found instanceof Tensor || !isOnHost(found) ? found : unpacked(found);
  }

  shape(name: string): Shape {
    return this.#find('ParameterStore.shape', name).shape;
  }

  #find(where: string, name: string): Tensor | PackedParameter {
    requireAlive(where, 'model', this.#disposed);
    const found = this.#tensors.get(name) ?? this.#packed.get(name);
    if (found === undefined) {
      throw mismatch(where, `a parameter named ${name}`, `${this.names().length} others`, { name });
    }
    return found;
  }

  has(name: string): boolean {
    return this.#tensors.has(name) || this.#packed.has(name);
  }

  scope(prefix: string): ParameterScope {
    const full = (name: string) => `${prefix}.${name}`;
    return {
      get: (name) => this.get(full(name)),
      weight: (name) => this.weight(full(name)),
      shape: (name) => this.shape(full(name)),
      has: (name) => this.has(full(name)),
      scope: (inner) => this.scope(full(inner)),
    };
  }

  names(): readonly string[] {
    return [...this.#tensors.keys(), ...this.#packed.keys()];
  }

  /** @throws LatteFlowError `invalid-argument` where some are packed. */
  entries(): IterableIterator<[string, Tensor]> {
    requireAlive('ParameterStore.entries', 'model', this.#disposed);
    for (const name of this.#packed.keys()) refusePacked('ParameterStore.entries', name);
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

  /** Copies the current values to the host, packed ones as float32. */
  async download(): Promise<Map<string, ParameterValues>> {
    requireAlive('ParameterStore.download', 'model', this.#disposed);
    const values = new Map<string, ParameterValues>();
    for (const [name, value] of this.#tensors) {
      values.set(name, { shape: value.shape, values: (await value.data()) as Float32Array });
    }
    for (const [name, packed] of this.#packed) {
      values.set(name, { shape: packed.shape, values: await downloadPacked(packed) });
    }
    return values;
  }

  /** What the parameters take: on the device, and packed ones where they lie. */
  get bytes(): number {
    const onDevice = [...this.#tensors.values()].reduce((sum, { size }) => sum + 4 * size, 0);
    return [...this.#packed.values()].reduce((sum, packed) => sum + bytesOf(packed), onDevice);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const value of this.#tensors.values()) value.dispose();
    for (const packed of this.#packed.values()) discard(packed);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
