/**
 * A compute program. The declarations of its bindings are made from the lists: inputs, then outputs, each by its place,
 * then the parameters as one uniform struct called `params`.
 */
export interface Program {
  /** For labels and messages. */
  readonly name: string;
  /** WGSL declarations of storage buffers that are read, e.g. `x: array<f32>`. */
  readonly inputs: readonly string[];
  /** Storage buffers that are written, and may be read. */
  readonly outputs: readonly string[];
  /** Scalars, each of 4 bytes, e.g. `rows: u32`, `eps: f32`. */
  readonly params: readonly string[];
  /** WGSL directives, e.g. `enable f16;`. */
  readonly directives?: string;
  /** WGSL: constants, functions and the entry point `main`. */
  readonly body: string;
}

/** A function that makes each program once: programs of equal arguments are the same object, and so the same pipeline. */
export function programs<A extends readonly (string | number | boolean | undefined)[]>(
  make: (...args: A) => Program,
): (...args: A) => Program {
  const made = new Map<string, Program>();
  return (...args) => {
    const key = JSON.stringify(args);
    let program = made.get(key);
    if (program === undefined) made.set(key, (program = make(...args)));
    return program;
  };
}

/** The whole WGSL text of a program. */
export function wgslOf({ inputs, outputs, params, directives = '', body }: Program): string {
  const buffers = [
    ...inputs.map((declaration) => `var<storage, read> ${declaration};`),
    ...outputs.map((declaration) => `var<storage, read_write> ${declaration};`),
  ];
  const uniform =
    params.length === 0
      ? ''
      : `struct Params { ${params.join(', ')} }\n@group(0) @binding(${buffers.length}) var<uniform> params: Params;\n`;
  const declarations = buffers.map((text, i) => `@group(0) @binding(${i}) ${text}\n`).join('');
  return `${directives}\n${declarations}${uniform}\n${body}`;
}

const pipelines = new WeakMap<GPUDevice, Map<Program, GPUComputePipeline>>();

/** The compiled program, made at its first use on a device. */
export function pipelineOf(device: GPUDevice, program: Program): GPUComputePipeline {
  let ofDevice = pipelines.get(device);
  if (ofDevice === undefined) pipelines.set(device, (ofDevice = new Map()));
  let pipeline = ofDevice.get(program);
  if (pipeline === undefined) {
    const module = device.createShaderModule({ label: program.name, code: wgslOf(program) });
    pipeline = device.createComputePipeline({
      label: program.name,
      layout: 'auto',
      compute: { module, entryPoint: 'main' },
    });
    ofDevice.set(program, pipeline);
  }
  return pipeline;
}
