import { requireInteger } from '@latte-flow/core';

import { type CostMatrix, requireMatrix, type TransportPlan } from './transport-plan.ts';

/**
 * The column for each row (no column twice) of least total cost: the Hungarian method with shortest augmenting paths
 * (Jonker and Volgenant, 1987), O(rows^2 columns).
 * @throws LatteFlowError `invalid-argument` for costs that are not finite or more rows than columns, `shape-mismatch`.
 */
export function assignPairs(cost: CostMatrix): Int32Array {
  requireMatrix('assignPairs', 'cost', cost);
  const { rows, columns, values } = cost;
  requireInteger('assignPairs', 'columns', columns, { min: rows });
  // Column `columns` is a root for the row that is being placed.
  const rowPrice = new Float64Array(rows);
  const columnPrice = new Float64Array(columns + 1);
  const rowOf = new Int32Array(columns + 1).fill(-1);
  for (let row = 0; row < rows; row++) {
    const distance = new Float64Array(columns).fill(Infinity);
    const previous = new Int32Array(columns);
    const visited = new Uint8Array(columns + 1);
    let column = columns;
    rowOf[column] = row;
    while (rowOf[column]! >= 0) {
      visited[column] = 1;
      const from = rowOf[column]!;
      let next = -1;
      for (let j = 0; j < columns; j++) {
        if (visited[j]) continue;
        const reduced = values[from * columns + j]! - rowPrice[from]! - columnPrice[j]!;
        if (reduced < distance[j]!) [distance[j], previous[j]] = [reduced, column];
        if (next < 0 || distance[j]! < distance[next]!) next = j;
      }
      const step = distance[next]!;
      for (let j = 0; j <= columns; j++) {
        if (visited[j]) {
          rowPrice[rowOf[j]!]! += step;
          columnPrice[j]! -= step;
        } else distance[j]! -= step;
      }
      column = next;
    }
    for (; column !== columns; column = previous[column]!) rowOf[column] = rowOf[previous[column]!]!;
  }
  const columnOf = new Int32Array(rows);
  for (let j = 0; j < columns; j++) if (rowOf[j]! >= 0) columnOf[rowOf[j]!] = j;
  return columnOf;
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

/**
 * The plan of least cost between uniform masses (exact minibatch optimal transport). Sides of different sizes are
 * repeated up to their least common multiple, whose cube the work grows with.
 * @throws LatteFlowError `invalid-argument` for costs that are not finite, `shape-mismatch`.
 */
export function exactPlan(cost: CostMatrix): TransportPlan {
  requireMatrix('exactPlan', 'cost', cost);
  const { rows, columns, values: costs } = cost;
  const size = (rows / divisor(rows, columns)) * columns;
  const values = Float64Array.from({ length: size * size }, (_, index) => {
    const row = Math.floor(index / size) % rows;
    return costs[row * columns + ((index % size) % columns)]!;
  });
  const plan = new Float64Array(costs.length);
  assignPairs({ rows: size, columns: size, values }).forEach((column, row) => {
    plan[(row % rows) * columns + (column % columns)]! += 1 / size;
  });
  return { rows, columns, values: plan };
}
