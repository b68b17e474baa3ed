import type { BenchResult } from './result.ts';

const HEADER = [
  'shape',
  'what',
  'pass',
  'engine',
  'precision',
  'weights',
  'mode',
  'ms',
  'min - max',
  'dispatches',
  'TFLOP/s',
  'GB/s',
  'error',
];
/** Columns of text; the rest are numbers, set right. */
const TEXT_COLUMNS = 7;

const rounded = (value: number | null, digits = 3): string =>
  value === null ? '' : String(Number(value.toPrecision(digits)));

function cellsOf(result: BenchResult): string[] {
  const {
    shape,
    name,
    pass,
    engine,
    precision,
    weights,
    mode,
    ms,
    ms_min,
    ms_max,
    dispatches,
    tflops,
    gb_per_s,
    error,
  } = result;
  const spread = `${rounded(ms_min)} - ${rounded(ms_max)}`;
  const counts = [dispatches === null ? '' : String(dispatches), rounded(tflops), rounded(gb_per_s), rounded(error, 2)];
  return [shape, name, pass, engine, precision, weights, mode, rounded(ms), spread, ...counts];
}

/** The results as a table for people. */
export function formatTable(results: readonly BenchResult[]): string {
  const rows = [HEADER, ...results.map(cellsOf)];
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const pad = (cell: string, column: number): string =>
    column < TEXT_COLUMNS ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return rows.map((row) => `${row.map(pad).join('  ').trimEnd()}\n`).join('');
}
