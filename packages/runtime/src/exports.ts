export { deviceOptions } from './backend/device.ts';
export type { Device, DeviceOption } from './backend/device.ts';
export type { BootedBackend, BootOptions } from './backend/boot.ts';
export type { WasmPaths } from './backend/load-backend.ts';
export { requireAlive, TensorOwner } from './ownership/tensor-owner.ts';
export { ParameterStore } from './ownership/parameter-store.ts';
export type { PackedValues, ParameterScope, ParameterValues } from './ownership/parameter-store.ts';
