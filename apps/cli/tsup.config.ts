import { libraryPreset } from '../../tooling/tsup/preset.ts';

export default libraryPreset({ index: 'src/index.ts', corpus: 'src/corpus/index.ts' });
