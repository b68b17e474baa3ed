import { refuseArgument } from '@latte-flow/core';

import type { Path } from '../paths/path.ts';

/** How much a marginal-preserving SDE diffuses: w(t) as a function of the time, SiT's forms. */
export type DiffusionForm = 'constant' | 'sbdm' | 'sigma' | 'linear' | 'decreasing' | 'increasing-decreasing';

export interface Diffusion {
  readonly path: Path;
  readonly form: DiffusionForm;
  readonly norm: number;
}

/** w(t) for the norm k, where it is no multiple of sigma(t). */
const forms = {
  constant: (_, k) => k,
  linear: (time, k) => k * (1 - time),
  decreasing: (time, k) => ((k * Math.cos(Math.PI * time) + 1) / 2) ** 2,
  'increasing-decreasing': (time, k) => k * Math.sin(Math.PI * time) ** 2,
} satisfies Record<Exclude<DiffusionForm, 'sbdm' | 'sigma'>, (time: number, norm: number) => number>;

export const diffusionForms: readonly DiffusionForm[] = ['sbdm', 'sigma', ...(Object.keys(forms) as DiffusionForm[])];

/** w / sigma at the data, where sigma is 0, by l'Hôpital; undefined where w is not 0 there. */
function ratioAtData({ path, form, norm }: Diffusion): number | undefined {
  if (form === 'linear') return -norm / path.sigmaDerivative(1);
  return form === 'increasing-decreasing' || (form === 'decreasing' && norm === 1) ? 0 : undefined;
}

/**
 * w(t) / sigma(t): finite at the data, where w(t) times the score is needed and the score alone is not finite.
 * @throws LatteFlowError `invalid-argument` where it has no finite value: sbdm at t = 0, constant at t = 1.
 */
export function diffusionRatio(diffusion: Diffusion, time: number): number {
  const { path, form, norm } = diffusion;
  const [alpha, sigma] = [path.alpha(time), path.sigma(time)];
  let ratio: number | undefined;
  if (form === 'sigma') ratio = norm;
  else if (form !== 'sbdm') ratio = time === 1 ? ratioAtData(diffusion) : forms[form](time, norm) / sigma;
  else if (alpha > 0) ratio = norm * ((path.alphaDerivative(time) / alpha) * sigma - path.sigmaDerivative(time));
  return (
    ratio ??
    refuseArgument({
      where: 'marginalPreservingSde',
      expected: 'diffusion times score to be finite',
      got: `${form} on the ${path.name} path at t = ${time}`,
      remedy: 'Stop short of this end, or take sigma.',
    })
  );
}
