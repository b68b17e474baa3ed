import { linearPath, shiftSigmas, uniformSigmas } from '@latte-flow/schedulers';
import {
  affineDensity,
  betaDensity,
  cosmapDensity,
  diffusersTime,
  diffusersTimestepIndex,
  drawTimes,
  edmSkewedDensity,
  logitNormalDensity,
  lossWeight,
  modeDensity,
  noiseLossWeight,
  normalCdf,
  shiftedDensity,
  uniformDensity,
  type DiffusersScheme,
  type TimeDensity,
} from '@latte-flow/schedulers/training';

import { list } from '../compare.ts';
import type { Fixture, Json } from '../discover.ts';
import { float64Bound, numberOf, numbersOf, objectOf, objectsOf } from '../fixture-numbers.ts';
import { EXACT, type Bound, type FixtureReport } from '../report.ts';

interface Check {
  readonly content: Json;
  readonly label: string;
  readonly bound: Bound;
}

/** Numbers that only the text of a formula states. */
function numbersIn(fields: Json, pattern: RegExp): number[] {
  const found = pattern.exec(String(fields['formula'] ?? fields['rule']));
  if (found === null) throw new TypeError(`The formula ${String(fields['formula'])} is not of a known form.`);
  return found.slice(1).map(Number);
}

const uniforms = ({ content }: Check) => numbersOf(content['uniform_draws'], 'uniform_draws');
/** Normals as the uniforms that a density's inverse cdf turns into the same times. */
const normalsAsUniforms = ({ content }: Check, sign: 1 | -1) =>
  numbersOf(content['normal_draws'], 'normal_draws').map((z) => normalCdf(sign * z));

/** A density of the fixture, and the uniforms that it was drawn with. */
type Formula = (fields: Json, check: Check) => { readonly density: TimeDensity; readonly uniforms: readonly number[] };

const formulas: Readonly<Record<string, Formula>> = {
  logit_normal_from_uniform: (fields, check) => ({
    density: logitNormalDensity({ mean: numberOf(fields, 'mean'), std: numberOf(fields, 'std') }),
    uniforms: uniforms(check),
  }),
  cosmap: (_, check) => ({ density: cosmapDensity, uniforms: uniforms(check) }),
  beta: (fields, check) => ({
    density: betaDensity({ alpha: numberOf(fields, 'a'), beta: numberOf(fields, 'b') }),
    uniforms: uniforms(check),
  }),
  pi0_beta(fields, check) {
    const pattern = /([\d.]+)\*\(Beta\(([\d.]+),\s*([\d.]+)\)\.ppf\(u\)\) \+ ([\d.]+)/;
    const [scale, alpha, beta, offset] = numbersIn(fields, pattern) as [number, number, number, number];
    return { density: affineDensity(betaDensity({ alpha, beta }), { scale, offset }), uniforms: uniforms(check) };
  },
  shifted_uniform: (fields, check) => ({
    density: shiftedDensity(uniformDensity, numberOf(fields, 'shift')),
    uniforms: uniforms(check),
  }),
  shifted_logit_normal_z: (fields, check) => ({
    density: shiftedDensity(
      logitNormalDensity({ mean: numberOf(fields, 'mean'), std: numberOf(fields, 'std') }),
      numberOf(fields, 'shift'),
    ),
    uniforms: normalsAsUniforms(check, 1),
  }),
  edm_skewed(fields, check) {
    const pattern = /P_mean=([-\d.e]+), ?P_std=([-\d.e]+);.*clip\(([-\d.e]+),/;
    const [mean, std, min] = numbersIn(fields, pattern) as [number, number, number];
    // Its z raises sigma, so it lowers the time.
    return { density: edmSkewedDensity({ mean, std, min }), uniforms: normalsAsUniforms(check, -1) };
  },
};

const PARTS = new Set(
  'kind source precision tolerance notes uniform_draws normal_draws diffusers formula weights'.split(' '),
);
/** The parameters that a density may have in the file. */
const PARAMETERS = new Set(['mean', 'std', 'a', 'b', 'shift']);

async function checkFormula(name: string, fields: Json, check: Check, report: FixtureReport): Promise<void> {
  const { label, bound } = check;
  const formula = formulas[name];
  const unknown = Object.keys(fields).find((key) => typeof fields[key] === 'number' && !PARAMETERS.has(key));
  if (formula === undefined || unknown !== undefined) {
    report.unsupported(label, `the ${formula === undefined ? `density ${name}` : `parameter ${unknown}`} is not known`);
    return;
  }
  const { density, uniforms } = formula(fields, check);
  const times = () => numbersOf(fields['t'], 't');
  const quantities: Readonly<Record<string, () => ArrayLike<number>>> = {
    t: () => drawTimes(density, { uniforms }),
    pdf_at_t: () => times().map((time) => density.pdf(time)),
    cdf_at_t: () => times().map((time) => density.cdf(time)),
  };
  for (const [quantity, values] of Object.entries(fields)) {
    if (!Array.isArray(values)) continue;
    const actual = quantities[quantity];
    if (actual === undefined) report.unsupported(`${label}.${quantity}`, 'this quantity is not known');
    else await report.compare(`${label}.${quantity}`, bound, () => [list(actual()), list(numbersOf(values, quantity))]);
  }
}

/** diffusers' draws: u from the injected normals or uniforms. */
async function checkDraw(scheme: string, fields: Json, check: Check, report: FixtureReport): Promise<void> {
  const { content, label, bound } = check;
  const read = (name: string) => (fields[name] === undefined ? undefined : numberOf(fields, name));
  await report.compare(`${label}.u`, bound, () => {
    const draws = fields['draw'] === 'normal' ? numbersOf(content['normal_draws'], 'normal_draws') : uniforms(check);
    const options = { logitMean: read('logit_mean'), logitStd: read('logit_std'), modeScale: read('mode_scale') };
    const u = draws.map((draw) => diffusersTime(scheme as DiffusersScheme, { draw, ...options }));
    return [list(u), list(numbersOf(fields['u'], 'u'))];
  });
  if (fields['monotone'] === undefined) return;
  // What the density takes is what is monotone.
  await report.compare(`${label}.monotone`, EXACT, () => [
    list([Number(acceptsMode(numberOf(fields, 'mode_scale')))]),
    list([Number(fields['monotone'])]),
  ]);
}

function acceptsMode(scale: number): boolean {
  try {
    modeDensity({ scale });
    return true;
  } catch {
    return false;
  }
}

/** The timestep that a u picks, as its index and as sigma under each shift. */
async function checkIndexMap(fields: Json, { label, bound }: Check, report: FixtureReport): Promise<void> {
  const [trainTimesteps] = numbersIn(fields, /int\(u\*(\d+)\)/) as [number];
  const indices = numbersOf(fields['u'], 'u').map((u) => diffusersTimestepIndex(u, trainTimesteps));
  for (const [name, expected] of Object.entries(fields)) {
    if (name === 'u' || !Array.isArray(expected)) continue;
    const shift = /^sigma_shift([\d.]+)$/.exec(name)?.[1];
    if (name === 'index') {
      await report.compare(`${label}.index`, EXACT, () => [list(indices), list(numbersOf(expected, name))]);
    } else if (shift === undefined) {
      report.unsupported(`${label}.${name}`, 'this quantity is not known');
    } else {
      await report.compare(`${label}.${name}`, bound, () => {
        const sigmas = shiftSigmas(uniformSigmas(trainTimesteps), Number(shift));
        return [list(indices.map((index) => sigmas[index]!)), list(numbersOf(expected, name))];
      });
    }
  }
}

/** Weights by sigma, and SiT's by time. */
async function checkWeights(name: string, value: unknown, check: Check, report: FixtureReport): Promise<void> {
  const { content, label, bound } = check;
  const fields = objectOf(value);
  const sit = /^sit_(velocity|likelihood)_for_noise_model_linear_path$/.exec(name)?.[1] as
    | 'velocity'
    | 'likelihood'
    | undefined;
  const bySigma = (['none', 'sigma_sqrt', 'cosmap'] as const).find((weighting) => weighting === name);
  if (sit === undefined && bySigma === undefined) {
    report.unsupported(label, `the weight ${name} is not known`);
    return;
  }
  await report.compare(label, bound, () => {
    const weights =
      bySigma === undefined
        ? numbersOf(fields['t'], 't').map((time) => noiseLossWeight(linearPath, { time, weighting: sit! }))
        : numbersOf(objectOf(content['weights'])['sigmas'], 'sigmas').map((sigma) => lossWeight(bySigma, sigma));
    return [list(weights), list(numbersOf(fields['w'] ?? value, 'w'))];
  });
}

/** One object or a list of them, each with the end of its label. */
function entriesOf(value: unknown): (readonly [suffix: string, fields: Json])[] {
  return Array.isArray(value) ? objectsOf(value).map((fields, i) => [`.${i}`, fields]) : [['', objectOf(value)]];
}

/** Draws, densities and loss weights of training, each from the fixture's own uniforms, normals and sigmas. */
export async function checkTimeDensities({ content }: Fixture, report: FixtureReport): Promise<void> {
  const bound = float64Bound(content);
  for (const [name, value] of Object.entries(objectOf(content['diffusers']))) {
    for (const [suffix, fields] of entriesOf(value)) {
      const check = { content, bound, label: `diffusers.${name}${suffix}` };
      await report.section(check.label, () =>
        name === 'index_map' ? checkIndexMap(fields, check, report) : checkDraw(name, fields, check, report),
      );
    }
  }
  for (const [name, value] of Object.entries(objectOf(content['formula']))) {
    for (const [suffix, fields] of entriesOf(value)) {
      const check = { content, bound, label: `formula.${name}${suffix}` };
      await report.section(check.label, () => checkFormula(name, fields, check, report));
    }
  }
  for (const [name, value] of Object.entries(objectOf(content['weights']))) {
    if (name === 'sigmas') continue;
    const check = { content, bound, label: `weights.${name}` };
    await report.section(check.label, () => checkWeights(name, value, check, report));
  }
  for (const name of Object.keys(content)) {
    if (!PARTS.has(name)) report.unsupported(name, 'this part is not known');
  }
}
