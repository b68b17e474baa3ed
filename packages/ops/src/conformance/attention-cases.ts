import { attention, attentionVisibility, type ResidualForm } from '../attention/index.ts';
import { conformanceCase, constant, normal, type ConformanceCase, type Draw } from './case.ts';
import { attention as attentionReference, type AttentionReference } from './reference-attention.ts';

interface AttentionDraft {
  readonly name: string;
  readonly batch?: number;
  readonly heads?: number;
  readonly groups?: number;
  readonly tokens?: number;
  readonly width?: number;
  readonly contextTokens?: number;
  readonly causal?: boolean;
  /** One row of 0 and 1 a batch member. */
  readonly mask?: readonly (readonly number[])[];
  readonly contextMask?: readonly (readonly number[])[];
  readonly form?: ResidualForm;
  readonly previous?: boolean;
  /** Of the queries. */
  readonly scale?: number;
}

const bools = (rows: readonly (readonly number[])[]): Draw =>
  constant([rows.length, rows[0]!.length], rows.flat(), 'bool');

function attentionCase(draft: AttentionDraft): ConformanceCase {
  const { batch = 2, heads = 4, groups = 2, tokens = 3, width = 5, contextTokens = 0, scale = 1 } = draft;
  const { name, causal = false, form, previous = false, mask, contextMask } = draft;
  const own = [batch, groups, tokens, width];
  const context = [batch, groups, contextTokens, width];
  const inputs: Partial<Record<keyof AttentionReference, Draw>> = {
    query: normal([batch, heads, tokens, width], { scale }),
    key: normal(own),
    value: normal(own),
    ...(contextTokens > 0 && { contextKey: normal(context), contextValue: normal(context) }),
    ...(previous && { previous: normal([batch, heads, tokens, tokens]), gate: normal([batch, heads]) }),
    ...(mask && { mask: bools(mask) }),
    ...(contextMask && { contextMask: bools(contextMask) }),
  };
  return conformanceCase({
    op: 'attention',
    name,
    inputs: inputs as Record<string, Draw>,
    run: ({ query, key, value, contextKey, contextValue, mask, contextMask, previous, gate }) => {
      const restricted = causal || mask !== undefined || contextMask !== undefined;
      const visibility = restricted
        ? attentionVisibility({ batch, tokens, contextTokens, causal, mask, contextMask })
        : undefined;
      const result = attention({
        query: query!,
        key: key!,
        value: value!,
        context: contextKey && { key: contextKey, value: contextValue! },
        visibility,
        residual: form && { form, previous, gate },
      });
      visibility?.bias.dispose();
      visibility?.seen?.dispose();
      return { ...result };
    },
    reference: (arrays) => ({
      ...attentionReference({ ...(arrays as unknown as AttentionReference), causal, form }),
    }),
  });
}

const FORMS = ['scores', 'probabilities'] as const;

/** Batch member 0 pads on the left, 1 on the right; causal queries before the first visible key see nothing. */
const BOTH_SIDES = [
  [0, 0, 1],
  [1, 1, 0],
];

export const attentionCases: readonly ConformanceCase[] = [
  { name: 'one of everything', batch: 1, heads: 1, groups: 1, tokens: 1, width: 1 },
  { name: 'a head a group', heads: 3, groups: 3 },
  { name: 'grouped heads' },
  { name: 'one group', heads: 3, groups: 1, tokens: 5 },
  { name: 'scores of about 10', scale: 10 },
  { name: 'causal', causal: true, tokens: 5 },
  { name: 'causal, padded on either side', causal: true, mask: BOTH_SIDES },
  { name: 'own padding', mask: BOTH_SIDES },
  { name: 'a batch member that sees nothing', mask: [[0, 0, 0], [0, 1, 1]] }, // prettier-ignore
  { name: 'a context', contextTokens: 7 },
  { name: 'one context token, one own', contextTokens: 1, tokens: 1 },
  { name: 'a context padded on either side', contextTokens: 3, contextMask: BOTH_SIDES },
  { name: 'a context that is all padding', contextTokens: 3, contextMask: [[0, 0, 0], [1, 0, 1]] }, // prettier-ignore
  {
    name: 'context and own block padded, some rows blind',
    contextTokens: 2,
    contextMask: [[0, 0], [0, 1]],
    mask: [[0, 0, 0], [0, 1, 0]],
  }, // prettier-ignore
  { name: 'a causal block after a padded context', contextTokens: 3, contextMask: BOTH_SIDES, causal: true },
  ...FORMS.flatMap((form): AttentionDraft[] => [
    { name: `${form}: the first map`, form, contextTokens: 2 },
    { name: `${form}: a map carried on`, form, previous: true, contextTokens: 2 },
    { name: `${form}: no context`, form, previous: true, heads: 3, groups: 1 },
    { name: `${form}: a padded context`, form, previous: true, contextTokens: 3, contextMask: BOTH_SIDES },
    { name: `${form}: padding and blind rows`, form, previous: true, causal: true, mask: BOTH_SIDES },
    { name: `${form}: the first map, blind rows`, form, causal: true, mask: BOTH_SIDES },
  ]),
].map(attentionCase);
