import { describeValue, refuseArgument } from '@latte-flow/core';

/**
 * Refuses a grid that is not a list of at least two finite numbers in [0, max], strictly monotone in one direction, and
 * names the first index at fault. Ascending and descending both pass: a grid run backwards inverts the sampling.
 */
export function requireNodes(where: string, name: string, nodes: readonly number[], max = 1): readonly number[] {
  if (!Array.isArray(nodes) || nodes.length < 2) {
    refuseArgument({
      where,
      expected: `${name} to be a list of at least two numbers`,
      got: describeValue(nodes),
      remedy: 'Pass the start and the end of every step, one more than there are steps.',
    });
  }
  const direction = Math.sign(nodes[1]! - nodes[0]!);
  nodes.forEach((node, index) => {
    const fault = faultOf(node, max, index === 0 ? undefined : direction * (node - nodes[index - 1]!));
    if (fault === undefined) return;
    refuseArgument({
      where,
      expected: `${name}[${index}] ${fault}`,
      got: index === 0 ? describeValue(node) : `${describeValue(node)} after ${describeValue(nodes[index - 1])}`,
      remedy: `Correct ${name} at index ${index}.`,
      data: { index, [name]: nodes },
    });
  });
  return nodes;
}

function faultOf(node: unknown, max: number, advance: number | undefined): string | undefined {
  if (typeof node !== 'number' || !Number.isFinite(node)) return 'to be a finite number';
  if (node < 0 || node > max) return `to be in [0, ${max}]`;
  return advance === undefined || advance > 0 ? undefined : 'to continue strictly in one direction';
}
