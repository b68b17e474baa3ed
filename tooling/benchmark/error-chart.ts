import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** The error of one run of a solver. */
export interface Measurement {
  readonly solver: string;
  readonly evaluations: number;
  readonly error: number;
}

/** Twelve colours that read on white. */
// oxfmt-ignore
const COLOURS = [
  '#4e79a7', '#f28e2b', '#e15759', '#111111', '#1b9e9e', '#59a14f',
  '#b8860b', '#b07aa1', '#d6336c', '#9c755f', '#7c3aed', '#888888',
];

/** Error against evaluations, both axes logarithmic, a line a solver: an SVG document. */
export function errorChart(measurements: readonly Measurement[], { title }: { readonly title: string }): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const channels = { x: 'evaluations', y: 'error', stroke: 'solver' } as const;
  const solvers = [...new Set(measurements.map(({ solver }) => solver))];
  const names = namesBeside(measurements, solvers);
  const chart = Plot.plot({
    document,
    width: 900,
    height: 560,
    marginRight: 150,
    x: { type: 'log', label: 'evaluations (NFE)', grid: true, tickFormat: (n: number) => String(n) },
    y: { type: 'log', label: 'relative error', grid: true, tickFormat: '.0e' },
    color: { domain: solvers, range: COLOURS },
    marks: [
      Plot.lineY(measurements, { ...channels, strokeWidth: 1.8 }),
      Plot.dot(measurements, { ...channels, fill: 'solver', r: 2.5 }),
      Plot.text(names, { x: 'evaluations', y: 'error', fill: 'solver', text: 'solver', textAnchor: 'start', dx: 8 }),
    ],
  });
  chart.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  chart.setAttribute('aria-label', title);
  return `${chart.outerHTML.replace('>', '><rect width="100%" height="100%" fill="white"/>')}\n`;
}

/** The solvers' names in a column beside the plot, in the order of their last errors, evenly spaced so that none overlap. */
function namesBeside(measurements: readonly Measurement[], solvers: readonly string[]): Measurement[] {
  const evaluations = Math.max(...measurements.map((run) => run.evaluations));
  const errors = measurements.map(({ error }) => Math.log(error));
  const [highest, lowest] = [Math.max(...errors), Math.min(...errors)];
  const last = solvers.map((solver) => measurements.findLast((run) => run.solver === solver)!);
  return last
    .toSorted((a, b) => b.error - a.error)
    .map(({ solver }, rank) => {
      const share = (rank + 1) / (last.length + 1);
      return { solver, evaluations, error: Math.exp(highest + share * (lowest - highest)) };
    });
}
