import { libraryPreset } from '../../tooling/tsup/preset.ts';

export default libraryPreset({ index: 'src/index.ts', node: 'src/node/index.ts', hub: 'src/hub/index.ts' });
