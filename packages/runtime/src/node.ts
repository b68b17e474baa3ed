import { bootWith } from './backend/boot.ts';
import { nodePlatform } from './backend/node-platform.ts';

export * from './exports.ts';

/**
 * Starts a TensorFlow.js backend in Node, with gradients registered. `auto` picks WebGPU on a hardware adapter, then
 * WASM, then CPU, and says in `warnings` why it passed one over; a device asked for by name is used or refused.
 * @throws LatteFlowError `backend-unavailable` or `dependency-missing`
 */
export const bootBackend = bootWith(nodePlatform);
