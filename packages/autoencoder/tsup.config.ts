import { libraryPreset } from '../../tooling/tsup/preset.ts';

export default libraryPreset({ index: 'src/index.ts', training: 'src/training/index.ts' });
