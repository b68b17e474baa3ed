import { env } from '@tensorflow/tfjs-core';

import { currentPass, submitPending, type WebGPUBackend } from './backend.ts';

interface DispatchCommand {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

interface CopyCommand {
  readonly source: GPUBuffer;
  readonly target: GPUBuffer;
  readonly size: number;
}

/** Least dispatches between submissions of a replay: the device starts on the first while the next are encoded. */
const SUBMIT_BATCH = 64;

/** Takes the place of the backend's command encoder and keeps what is encoded, to be encoded again at each replay. */
export class CommandRecorder {
  readonly #commands: (DispatchCommand | CopyCommand)[] = [];

  get length(): number {
    return this.#commands.length;
  }

  /** The part of `GPUCommandEncoder` that the backend's ops use. */
  encoder(): GPUCommandEncoder {
    const beginComputePass = (): unknown => this.#pass();
    const copyBufferToBuffer = (source: GPUBuffer, _: number, target: GPUBuffer, __: number, size: number): void => {
      this.#commands.push({ source, target, size });
    };
    return { beginComputePass, copyBufferToBuffer } as unknown as GPUCommandEncoder;
  }

  #pass(): unknown {
    let pipeline: GPUComputePipeline;
    let bindGroup: GPUBindGroup;
    return {
      setPipeline: (next: GPUComputePipeline) => (pipeline = next),
      setBindGroup: (_: number, next: GPUBindGroup) => (bindGroup = next),
      dispatchWorkgroups: (x: number, y = 1, z = 1) =>
        this.#commands.push({ pipeline, bindGroup, workgroups: [x, y, z] }),
      end: () => {},
    };
  }

  /** Encodes all commands after everything that was asked of the backend before. */
  replay(webgpu: WebGPUBackend): void {
    const batch = Math.max(SUBMIT_BATCH, env().getNumber('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE')); // infinite in a recording
    for (const command of this.#commands) {
      if ('pipeline' in command) {
        const pass = currentPass(webgpu);
        pass.setPipeline(command.pipeline);
        pass.setBindGroup(0, command.bindGroup);
        pass.dispatchWorkgroups(...command.workgroups);
        if (++webgpu.dispatchCountInPass >= batch) submitPending(webgpu);
      } else {
        encodeCopy(webgpu, command);
      }
    }
  }
}

/** Copies one buffer to another after everything that was asked of the backend before. */
export function encodeCopy(webgpu: WebGPUBackend, { source, target, size }: CopyCommand): void {
  webgpu.ensureCommandEncoderReady();
  webgpu.endComputePassEncoder();
  webgpu.commandEncoder!.copyBufferToBuffer(source, 0, target, 0, size);
}
