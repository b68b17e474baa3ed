import {
  adaptiveProjectedGuidance,
  autoguidance,
  branchesAt,
  cfgZeroStarGuidance,
  classifierFreeGuidance,
  guidanceInterval,
  guideWithState,
  magnitudeAwareGuidance,
  normLimitedGuidance,
  normPreservingGuidance,
  perturbedGuidance,
  rescaledGuidance,
  tangentialGuidance,
  type Branch,
  type Guidance,
} from '@latte-flow/schedulers/guidance';

import { list } from '../compare.ts';
import type { Fixture, Json } from '../discover.ts';
import { float64Bound, numberOf, numbersOf, objectOf, objectsOf } from '../fixture-numbers.ts';
import { EXACT, type Bound, type FixtureReport } from '../report.ts';

/** The fields of a case that are read here; a case with others says what is not known. */
const CASE_FIELDS = /^(name|formula|notes?|guidance_scale|use_original_formulation|guidance_rescale|zero_init_steps|eta|norm_threshold|momentum|alpha|skip_scale|cfg_normalization|out|out_step\d+)$/; // prettier-ignore
const INTERVAL_FIELDS = /^(start|stop|N|enabled|guidance_scale|use_original_formulation)$/;
const PARTS = /^(kind|source|precision|tolerance|notes|shape|pred_(cond|uncond|cond_skip)(_step\d+)?|cases|interval)$/;
/** In the middle of a run, where every rule is on: zero initialisation is over, and no interval excludes it. */
const MIDDLE = { steps: 2 ** 20, step: 2 ** 19, sigma: 0.5 };

const optional = (json: Json, name: string): number | undefined =>
  json[name] === undefined || json[name] === null ? undefined : numberOf(json, name);

const formOf = (fields: Json) => (fields['use_original_formulation'] === true ? 'original' : 'standard');

/** The rule of a case, or undefined if there is none of this name. */
function ruleOf(fields: Json): Guidance | undefined {
  const form = formOf(fields);
  const scale = () => numberOf(fields, 'guidance_scale');
  const cfg = () => classifierFreeGuidance(scale(), { form });
  const perturbed = (guidance: Guidance) =>
    perturbedGuidance(guidance, { perturbedScale: numberOf(fields, 'skip_scale'), form });
  const read = (name: string) => optional(fields, name);
  switch (fields['name']) {
    case 'cfg':
    case 'cfg_rescale':
      return cfg();
    case 'cfg_zero_star':
      return cfgZeroStarGuidance(scale(), { form, zeroInitSteps: read('zero_init_steps') });
    case 'apg':
    case 'apg_momentum_two_steps': {
      const settings = { eta: read('eta'), normThreshold: read('norm_threshold'), momentum: read('momentum') };
      return adaptiveProjectedGuidance(scale(), { form, ...settings });
    }
    case 'mambo_g':
      return magnitudeAwareGuidance(scale(), { form, alpha: read('alpha') });
    case 'tcfg':
      return tangentialGuidance(scale(), { form });
    case 'autoguidance':
      return autoguidance(scale(), { form });
    case 'slg_or_pag_or_seg':
      return perturbed(cfg());
    case 'slg_only':
      return perturbed(classifierFreeGuidance(form === 'original' ? 0 : 1, { form }));
    case 'qwenimage_norm_preserving_cfg':
      return normPreservingGuidance(cfg());
    case 'zimage_cfg_normalization':
      // The pipeline's own formula, whatever the case's flag says.
      return normLimitedGuidance(
        classifierFreeGuidance(scale(), { form: 'original' }),
        numberOf(fields, 'cfg_normalization'),
      );
    default:
      return undefined;
  }
}

/** The predictions of evaluation 1, 2, …; later ones have `_step2`, … in their names. */
function velocitiesOf(content: Json, evaluation: number): Partial<Record<Branch, Float64Array>> {
  const suffix = evaluation === 1 ? '' : `_step${evaluation}`;
  const fields: [Branch, string][] = [
    ['conditional', `pred_cond${suffix}`],
    ['null', `pred_uncond${suffix}`],
    ['weak', `pred_uncond${suffix}`],
    ['perturbed', `pred_cond_skip${suffix}`],
  ];
  return Object.fromEntries(
    fields
      .filter(([, name]) => content[name] !== undefined)
      .map(([branch, name]) => [branch, Float64Array.from(numbersOf(content[name], name))]),
  );
}

/** Guided velocities of the evaluations up to `last`, the state passed on. */
function guidedVelocity(rule: Guidance, content: Json, last: number): Float64Array {
  const shape = numbersOf(content['shape'], 'shape');
  let guided: { velocity: Float64Array; state?: Float64Array } | undefined;
  for (let evaluation = 1; evaluation <= last; evaluation++) {
    const options = { ...MIDDLE, shape, state: guided?.state };
    guided = guideWithState(rule, velocitiesOf(content, evaluation), options);
  }
  return guided!.velocity;
}

/** The factor s of CFG-Zero*, as scale 0 shows it: v = s v_null, sample by sample. */
function projectionScales(content: Json): number[] {
  const { null: unconditional = new Float64Array() } = velocitiesOf(content, 1);
  const projected = guidedVelocity(cfgZeroStarGuidance(0), content, 1);
  const [batch = 1] = numbersOf(content['shape'], 'shape');
  const size = unconditional.length / batch;
  return Array.from({ length: batch }, (_, b) => {
    const sample = unconditional.subarray(b * size, (b + 1) * size);
    const largest = sample.reduce((at, value, i) => (Math.abs(value) > Math.abs(sample[at]!) ? i : at), 0);
    return projected[b * size + largest]! / sample[largest]!;
  });
}

async function checkCase(
  fields: Json,
  { content, label, bound }: { readonly content: Json; readonly label: string; readonly bound: Bound },
  report: FixtureReport,
): Promise<void> {
  const unknown = Object.keys(fields).find((name) => !CASE_FIELDS.test(name));
  const base = ruleOf(fields);
  if (unknown !== undefined || base === undefined) {
    const what = unknown === undefined ? `rule ${String(fields['name'])}` : `field ${unknown}`;
    report.unsupported(label, `the ${what} is not known`);
    return;
  }
  const rule = rescaledGuidance(base, optional(fields, 'guidance_rescale') ?? 0);
  for (const [name, expected] of Object.entries(fields)) {
    const evaluation = /^out(?:_step(\d+))?$/.exec(name);
    if (evaluation !== null) {
      await report.compare(`${label}.${name}`, bound, () => [
        list(guidedVelocity(rule, content, Number(evaluation[1] ?? 1))),
        list(numbersOf(expected, name)),
      ]);
    } else if (name === 'alpha' && fields['name'] === 'cfg_zero_star') {
      await report.compare(`${label}.alpha`, bound, () => [
        list(projectionScales(content)),
        list(numbersOf(expected, name)),
      ]);
    }
  }
}

/** At which steps an interval has its branch computed; that of perturbed models leaves out its first step. */
function enabledSteps(fields: Json, strict: boolean): number[] {
  const interval = [numberOf(fields, 'start'), numberOf(fields, 'stop')] as const;
  const steps = numberOf(fields, 'N');
  const form = formOf(fields);
  const cfg = classifierFreeGuidance(optional(fields, 'guidance_scale') ?? 2, { form });
  const rule = strict ? perturbedGuidance(cfg, { steps: interval }) : guidanceInterval(cfg, { steps: interval });
  const branch = strict ? 'perturbed' : 'null';
  return Array.from({ length: steps }, (_, step) => Number(branchesAt(rule, { step, steps }).includes(branch)));
}

async function checkIntervals(name: string, intervals: readonly Json[], report: FixtureReport): Promise<void> {
  for (const [i, fields] of intervals.entries()) {
    const label = `interval.${name === 'cases' ? '' : `${name}.`}${i}.enabled`;
    const unknown = Object.keys(fields).find((field) => !INTERVAL_FIELDS.test(field));
    if (unknown !== undefined) {
      report.unsupported(label, `the field ${unknown} is not known`);
      continue;
    }
    await report.compare(label, EXACT, () => [
      list(enabledSteps(fields, name !== 'cases')),
      list((fields['enabled'] as readonly unknown[]).map(Number)),
    ]);
  }
}

/** Every rule of guidance on the fixture's predictions, and the steps at which intervals are on. */
export async function checkGuidance({ content }: Fixture, report: FixtureReport): Promise<void> {
  const bound = float64Bound(content);
  for (const [i, fields] of objectsOf(content['cases']).entries()) {
    const label = `cases.${i}.${String(fields['name'])}`;
    await report.section(label, () => checkCase(fields, { content, label, bound }, report));
  }
  for (const [name, value] of Object.entries(objectOf(content['interval']))) {
    if (typeof value === 'string') continue; // the rule in words
    if (/^(cases|strict.*)$/.test(name) && Array.isArray(value)) await checkIntervals(name, objectsOf(value), report);
    else report.unsupported(`interval.${name}`, 'this part is not known');
  }
  for (const name of Object.keys(content)) {
    if (!PARTS.test(name)) report.unsupported(name, 'this part is not known');
  }
}
