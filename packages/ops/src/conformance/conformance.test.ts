import { attentionCases } from './attention-cases.ts';
import { cases } from './cases.ts';
import { describeVariants } from './describe-variants.ts';
import { largeCases } from './large-cases.ts';

// Attention has a file of its own: the two run side by side.
await describeVariants(
  cases.filter((conformance) => !attentionCases.includes(conformance)),
  largeCases,
);
