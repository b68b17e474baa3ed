import { libraryPreset } from '../../tooling/tsup/preset.ts';

export default libraryPreset({ node: 'src/node.ts', browser: 'src/browser.ts' });
