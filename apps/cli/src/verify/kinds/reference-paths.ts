import {
  cosinePath,
  linearPath,
  linearVariancePreservingPath,
  polynomialPath,
  variancePreservingPath,
  type Path,
} from '@latte-flow/schedulers';

import type { Json } from '../discover.ts';

/** The parameters of a path by the names that the references give them. */
const PARAMETERS: Readonly<Record<string, string>> = {
  n: 'n',
  beta_min: 'betaMin',
  beta_max: 'betaMax',
  sigma_min: 'betaMin',
  sigma_max: 'betaMax',
};

/**
 * The path of a reference's class: the name up to its first underscore, `Polynomial_n2` for one. Parameters that are not
 * given are the reference's defaults. Undefined for names and parameters that are not known.
 */
export function referencePath(name: string, parameters: Json = {}): Path | undefined {
  const given: Record<string, number> = {};
  for (const [key, value] of Object.entries(parameters)) {
    const parameter = PARAMETERS[key];
    if (parameter === undefined || typeof value !== 'number') return undefined;
    given[parameter] = value;
  }
  const [kind, suffix = ''] = name.split('_', 2);
  switch (kind) {
    case 'CondOT':
    case 'Linear':
      return linearPath;
    case 'Polynomial':
      return polynomialPath(given['n'] ?? Number(suffix.replace(/^n/, '')));
    case 'VP':
      return suffix !== '' && Object.keys(given).length === 0 ? undefined : variancePreservingPath(given);
    case 'LinearVP':
      return linearVariancePreservingPath;
    case 'Cosine':
    case 'GVP':
      return cosinePath;
    default:
      return undefined;
  }
}
