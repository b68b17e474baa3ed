import { libraryPreset } from '../../tooling/tsup/preset.ts';

// The worker is an entry because `train` starts it as a file of its own.
export default libraryPreset({
  index: 'src/index.ts',
  corpus: 'src/corpus/index.ts',
  'batch-worker': 'src/train/batch-worker.ts',
});
