import type { Platform } from './platform.ts';

/** Browsers: gradients by the deep path, which leaves out TensorFlow.js' layers and WebGL (127 against 244 kB gzipped). */
export const browserPlatform: Platform = {
  async registerGradients() {
    await import('@tensorflow/tfjs-core/dist/register_all_gradients.js');
  },
  async obstacle(device) {
    if (device !== 'webgpu') return undefined;
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
    if (adapter) return undefined;
    return {
      code: 'backend-unavailable',
      reason: 'gpu' in navigator ? 'no WebGPU adapter' : 'a browser without WebGPU',
      remedy: 'Update the browser, enable hardware acceleration, or choose device wasm.',
    };
  },
};
