import { attentionCases } from './attention-cases.ts';
import { describeVariants } from './describe-variants.ts';

await describeVariants(attentionCases);
