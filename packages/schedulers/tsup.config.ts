import { libraryPreset } from '../../tooling/tsup/preset.ts';

export default libraryPreset({
  index: 'src/index.ts',
  dop853: 'src/solvers/dop853.ts',
  tfjs: 'src/tfjs/index.ts',
});
