/** Where tensors live and ops run. `auto` picks the first of webgpu, wasm, cpu that works. */
export type DeviceOption = 'auto' | 'webgpu' | 'wasm' | 'cpu';
export type Device = Exclude<DeviceOption, 'auto'>;

export const deviceOptions: readonly DeviceOption[] = ['auto', 'webgpu', 'wasm', 'cpu'];

/** The order in which `auto` tries. */
export const devicePreference: readonly Device[] = ['webgpu', 'wasm', 'cpu'];
