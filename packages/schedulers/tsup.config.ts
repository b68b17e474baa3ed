import { libraryPreset } from '../../tooling/tsup/preset.ts';

export default libraryPreset({ index: 'src/index.ts', tfjs: 'src/tfjs/index.ts' });
