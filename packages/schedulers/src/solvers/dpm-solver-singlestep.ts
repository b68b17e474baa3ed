import { requireInteger, requireOneOf } from '@latte-flow/core';

import { weightedSum } from './combination.ts';
import { agedData, changeOfData, dataSlot, type Support } from './data-history.ts';
import { exponentialStep, isSingular, logSnr } from './exponential-step.ts';
import { sigmaView } from './sigma-view.ts';
import { evaluateOnce } from './single-evaluation.ts';
import type { Combination, Solver } from './solver.ts';
import { requireTowardsData } from './towards-data.ts';

export interface DpmSolverSinglestepOptions {
  /** 1, 2 or 3. Default 2. */
  readonly order?: number;
  /** How the slope and the curvature of the data prediction are weighted. Default 'midpoint'. */
  readonly solverType?: 'midpoint' | 'heun';
  /** With noise, drawn in every step. Default false. */
  readonly stochastic?: boolean;
  /** Leave room for a last step of order 1. Always so where the grid does not divide into blocks or ends in the data. Default true. */
  readonly lowerOrderFinal?: boolean;
  /** As in `DpmSolverMultistepOptions`; here for 'heun' of order 3. Default 'corrected'. */
  readonly sde3Sign?: 'corrected' | 'upstream';
  /** The order of each step, in place of `singlestepOrders`: e.g. the rest of a longer grid's. */
  readonly orders?: readonly number[];
}

/**
 * The order of each of `steps` steps: blocks 1, 2, …, `order`, cut off so that the last step is of order 1 if `lowered`
 * asks for it (diffusers' `get_order_list`).
 */
export function singlestepOrders(
  steps: number,
  { order, lowered, zeroFinal }: { readonly order: number; readonly lowered: boolean; readonly zeroFinal: boolean },
): readonly number[] {
  const orders = Array.from({ length: steps }, (_, i) => (i % order) + 1);
  const whole = steps % order === 0;
  // The last whole block gives its last step up: 1, 2, 3 becomes 1, 2, 1.
  if (zeroFinal || (lowered && whole)) orders[steps - 1] = 1;
  return orders;
}

/**
 * DPM-Solver++ and SDE-DPM-Solver++, singlestep (arXiv 2211.01095; diffusers' `DPMSolverSinglestepScheduler`): the grid's nodes
 * in blocks; a step of order k starts again at the beginning of its block, k - 1 nodes back, with the data predictions made
 * since. One evaluation a step. Orders hold at the ends of blocks. Grids of sigmas or times; without noise in either direction.
 * @throws LatteFlowError `invalid-argument` for an option outside its list; by its plan for `orders` of another length.
 */
export function dpmSolverSinglestep({
  order = 2,
  solverType = 'midpoint',
  stochastic = false,
  lowerOrderFinal = true,
  sde3Sign = 'corrected',
  orders,
}: DpmSolverSinglestepOptions = {}): Solver {
  const where = 'dpmSolverSinglestep';
  requireInteger(where, 'order', order, { min: 1, max: 3 });
  requireOneOf(where, 'solverType', solverType, ['midpoint', 'heun']);
  const upstream = requireOneOf(where, 'sde3Sign', sde3Sign, ['corrected', 'upstream']) === 'upstream';
  const tau = Number(stochastic);
  const name = `${stochastic ? 'sde-' : ''}dpm-solver-singlestep`;
  return {
    name,
    order: Math.min(order, 2),
    stochastic,
    plan(step) {
      if (stochastic) requireTowardsData(name, step);
      const { index, count } = step;
      const { sigma, sign } = sigmaView(step);
      const zeroFinal = sigma(count) === 0;
      const pattern = orders ?? singlestepOrders(count, { order, lowered: lowerOrderFinal, zeroFinal });
      let taken = 0;
      for (let i = 0; i <= index; i++) {
        const wanted = requireInteger(where, `orders[${i}]`, pattern[i], { min: 1, max: order });
        // No block begins where lambda is infinite, nor before the grid does.
        taken = isSingular(sigma(i)) ? 0 : Math.min(wanted, taken + 1);
      }
      const to = sigma(index + 1);
      taken = isSingular(to) ? 1 : Math.max(1, taken);

      const from = sigma(index + 1 - taken);
      const kernel = exponentialStep(from, to, tau);
      const { unit, retained, gain, drift, noise, moment } = kernel;
      const latest: Combination = { sample: 1, velocity: -sigma(index) * sign };
      const base: Combination = taken === 1 ? { sample: 1 } : { base: 1 };
      const first = taken === 1 ? latest : dataSlot(taken - 1);

      const position = (at: number) => (logSnr(sigma(at)) - logSnr(from)) / unit;
      const supports: Support[] = taken === 1 ? [] : [[position(index), latest]];
      const moments = [taken === 2 && solverType === 'midpoint' ? moment(0) / 2 : moment(1)];
      if (taken === 3 && solverType === 'heun') {
        supports.push([position(index - 1), dataSlot(1)]);
        moments.push(moment(2) - (upstream ? 2 * tau : 0));
      }
      const sample = weightedSum(
        [retained, base],
        [gain, first],
        [1, { velocity: drift * sign, noise }],
        [1, changeOfData(first, { supports, moments, kernel }) ?? {}],
      );
      // Only the blocks of higher orders need what is kept.
      const slots = order === 1 ? { sample } : { sample, base, ...agedData(latest, Math.min(taken, order - 1)) };
      return evaluateOnce(step, { draws: stochastic, slots });
    },
  };
}
