import { describe } from 'vitest';

import { webgpuTest } from '../../tooling/test/webgpu.ts';
import { expectPass, nameOf, withModel } from './expect-pass.ts';

// A software adapter takes a minute or two for each.
describe('webgpu', { timeout: 400_000 }, () => {
  for (const fixture of withModel) webgpuTest(nameOf(fixture), () => expectPass(fixture, 'webgpu'));
});
