import { expect, test } from 'vitest';

import { flatNumbers, relativeError, schedulerFixtures } from '../../../../tooling/test/scheduler-fixtures.ts';
import { adaptiveProjectedGuidance } from './adaptive-projected.ts';
import { cfgZeroStarGuidance } from './cfg-zero-star.ts';
import { classifierFreeGuidance } from './classifier-free.ts';
import { branchesAt, type Guidance } from './guidance.ts';
import { guideWithState } from './guide.ts';
import { guidanceInterval } from './interval.ts';
import { magnitudeAwareGuidance } from './magnitude-aware.ts';
import { normLimitedGuidance, normPreservingGuidance } from './normalise.ts';
import { perturbedGuidance } from './perturbed.ts';
import { rescaledGuidance } from './rescale.ts';
import { tangentialGuidance } from './tangential.ts';

interface Case {
  readonly name: string;
  readonly guidance_scale: number;
  readonly use_original_formulation?: boolean;
  readonly guidance_rescale?: number;
  readonly eta?: number;
  readonly norm_threshold?: number;
  readonly momentum?: number | null;
  readonly alpha?: number;
  readonly skip_scale?: number;
  readonly cfg_normalization?: number;
  readonly out?: unknown;
  readonly out_step1?: unknown;
  readonly out_step2?: unknown;
}

interface GuidanceFixture {
  readonly shape: readonly number[];
  readonly pred_cond: unknown;
  readonly pred_uncond: unknown;
  readonly pred_cond_step2: unknown;
  readonly pred_uncond_step2: unknown;
  readonly pred_cond_skip: unknown;
  readonly cases: readonly Case[];
  readonly interval: {
    readonly cases: readonly {
      readonly start: number;
      readonly stop: number;
      readonly N: number;
      readonly enabled: readonly boolean[];
    }[];
  };
}

function ruleOf(fields: Case): Guidance {
  const { guidance_scale: w, skip_scale: perturbedScale, alpha, eta, norm_threshold: normThreshold } = fields;
  const form = fields.use_original_formulation === true ? 'original' : 'standard';
  const cfg = () => classifierFreeGuidance(w, { form });
  const rules: Readonly<Record<string, () => Guidance>> = {
    cfg,
    cfg_rescale: () => rescaledGuidance(cfg(), fields.guidance_rescale!),
    cfg_zero_star: () => cfgZeroStarGuidance(w),
    apg: () => adaptiveProjectedGuidance(w, { form, eta, normThreshold, momentum: fields.momentum ?? undefined }),
    mambo_g: () => magnitudeAwareGuidance(w, { alpha }),
    tcfg: () => tangentialGuidance(w),
    slg_or_pag_or_seg: () => perturbedGuidance(cfg(), { perturbedScale }),
    slg_only: () => perturbedGuidance(classifierFreeGuidance(1), { perturbedScale }),
    qwenimage_norm_preserving_cfg: () => normPreservingGuidance(cfg()),
    zimage_cfg_normalization: () =>
      normLimitedGuidance(classifierFreeGuidance(w, { form: 'original' }), fields.cfg_normalization),
  };
  return rules[fields.name.replace('_momentum_two_steps', '')]!();
}

test.each(schedulerFixtures<GuidanceFixture>('guidance'))('$title: every case', ({ content }) => {
  const { shape, cases, interval } = content;
  const evaluations = [
    { conditional: content.pred_cond, null: content.pred_uncond, perturbed: content.pred_cond_skip },
    { conditional: content.pred_cond_step2, null: content.pred_uncond_step2 },
  ].map((branches) => Object.fromEntries(Object.entries(branches).map(([name, x]) => [name, flatNumbers(x)])));
  expect(cases.length).toBeGreaterThan(0);
  for (const [i, fields] of cases.entries()) {
    const rule = ruleOf(fields);
    let state: Float64Array | undefined;
    for (const [evaluation, out] of [fields.out ?? fields.out_step1, fields.out_step2].entries()) {
      if (out === undefined) continue;
      const guided = guideWithState<Float64Array>(rule, evaluations[evaluation]!, { shape, state, step: 3, steps: 9 });
      expect(relativeError(guided.velocity, flatNumbers(out)), `${i} ${fields.name}`).toBeLessThan(1e-13);
      state = guided.state;
    }
  }
  for (const { start, stop, N: steps, enabled } of interval.cases) {
    const rule = guidanceInterval(classifierFreeGuidance(2), { steps: [start, stop] });
    const on = enabled.map((_, step) => branchesAt(rule, { step, steps }).includes('null'));
    expect(on).toEqual(enabled);
  }
});
