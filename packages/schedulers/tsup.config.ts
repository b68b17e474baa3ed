import { libraryPreset } from '../../tooling/tsup/preset.ts';

export default libraryPreset({
  index: 'src/index.ts',
  couplings: 'src/couplings/index.ts',
  diffusers: 'src/diffusers/index.ts',
  discrete: 'src/discrete/index.ts',
  dop853: 'src/solvers/dop853.ts',
  guidance: 'src/guidance/index.ts',
  likelihood: 'src/likelihood/index.ts',
  tfjs: 'src/tfjs/index.ts',
  training: 'src/training/index.ts',
});
