import { attentionCases } from './attention-cases.ts';
import type { ConformanceCase } from './case.ts';
import { channelGroupCases } from './channel-group-cases.ts';
import { convolutionCases } from './convolution-cases.ts';
import { elementwiseCases } from './elementwise-cases.ts';
import { linearCases } from './linear-cases.ts';
import { normCases } from './norm-cases.ts';
import { reductionCases } from './reduction-cases.ts';
import { ropeCases } from './rope-cases.ts';
import { tokenCases } from './token-cases.ts';

export const cases: readonly ConformanceCase[] = [
  ...linearCases,
  ...normCases,
  ...elementwiseCases,
  ...reductionCases,
  ...ropeCases,
  ...tokenCases,
  ...attentionCases,
  ...convolutionCases,
  ...channelGroupCases,
];
