/** Sizes of a stack of plain transformer layers. */
export interface LayerShape {
  readonly layers: number;
  readonly width: number;
  readonly intermediate: number;
  readonly heads: number;
  readonly batch: number;
  readonly tokens: number;
}

/** `small` and `group` are those of tooling/benchmark/layers.py, the PyTorch side. `tiny` tries the program out. */
export const shapes = {
  small: { layers: 4, width: 384, intermediate: 1024, heads: 6, batch: 64, tokens: 256 },
  group: { layers: 7, width: 1536, intermediate: 8960, heads: 12, batch: 1, tokens: 64 },
  tiny: { layers: 1, width: 16, intermediate: 40, heads: 2, batch: 2, tokens: 7 },
} as const satisfies Record<string, LayerShape>;

export type ShapeName = keyof typeof shapes;
export const shapeNames = Object.keys(shapes) as ShapeName[];

/** Shapes whose training step is measured. The weights of `group` with their optimiser are another matter: 7 GB. */
export const trainedShapes: readonly ShapeName[] = ['small', 'tiny'];

/** Floating point operations of one forward pass: products and attention, as layers.py counts them. */
export function forwardFlops({ layers, width, intermediate, batch, tokens }: LayerShape): number {
  const products = 2 * batch * tokens * (4 * width ** 2 + 3 * width * intermediate);
  return layers * (products + 4 * batch * tokens ** 2 * width);
}
