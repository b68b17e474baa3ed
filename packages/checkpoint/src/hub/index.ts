export { openHubStore } from './hub-store.ts';
export { downloadModel } from './hub-reader.ts';
export { isHubId } from './hub-id.ts';
export type { HubOptions } from './hub-settings.ts';
