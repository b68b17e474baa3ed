import { clock, type ClockOptions } from './clock.ts';
import { layerModel } from './onnx/layer-model.ts';
import type { OnnxRuntime } from './onnx/runtime.ts';
import { contender, rates, scaledError, type BenchResult } from './result.ts';
import { forwardFlops, shapes, type ShapeName } from './shapes.ts';

/** GPUBufferUsage: STORAGE | COPY_SRC | COPY_DST. */
const USAGE = 0x80 | 0x4 | 0x8;

interface OnnxBenchOptions extends ClockOptions {
  readonly runtime: OnnxRuntime;
  /** `[B, N, D]` on the host, and what TensorFlow.js makes of it. */
  readonly x: Float32Array;
  readonly expected: Float32Array;
}

/** The forward pass of the layers by ONNX Runtime Web on WebGPU, input and output staying on its device. */
export async function benchOnnx(
  shape: ShapeName,
  { runtime, x, expected, ...options }: OnnxBenchOptions,
): Promise<BenchResult> {
  const { batch, tokens, width } = shapes[shape];
  runtime.env.wasm.numThreads = 1; // of the host's part, whose threads would outlive the measurement
  const session = await runtime.InferenceSession.create(layerModel(shapes[shape]), {
    executionProviders: ['webgpu'],
    preferredOutputLocation: 'gpu-buffer',
  });
  const device = await runtime.env.webgpu.device;
  const { queue } = device;
  const buffer = device.createBuffer({ size: x.byteLength, usage: USAGE });
  try {
    queue.writeBuffer(buffer, 0, x);
    const input = runtime.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims: [batch, tokens, width] });
    const run = async () => (await session.run({ x: input }))['y']!;
    const first = await run();
    const error = scaledError([await first.getData()], [expected]);
    first.dispose();
    const wait = { settle: async () => void (await queue.onSubmittedWorkDone()) };
    const timing = await clock(async () => (await run()).dispose(), { ...options, wait });
    return {
      name: 'layers',
      shape,
      pass: 'forward',
      ...contender('onnxruntime-web'),
      mode: 'enqueued',
      ...timing,
      dispatches: null,
      ...rates(timing.ms, { flops: forwardFlops(shapes[shape]) }),
      error,
      error_against: 'tensorflow.js',
    };
  } finally {
    buffer.destroy();
    await session.release();
  }
}
