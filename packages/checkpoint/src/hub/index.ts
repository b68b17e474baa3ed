export { openHubStore } from './hub-store.ts';
export { isHubId } from './hub-id.ts';
export type { HubOptions } from './hub-settings.ts';
