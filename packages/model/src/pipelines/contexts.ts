import { cast, concat, pad, tidy, tile, type Tensor } from '@tensorflow/tfjs-core';

import type { PromptContext } from '../generation-stream/context.ts';

/** Frees the tensors of a context. */
export { disposeContextCache as disposeContext } from '@latte-flow/vlm';

/** Builds a context inside `tidy`, keeping its tensors; they are the caller's. */
function tidyContext(make: () => PromptContext): PromptContext {
  let context: PromptContext | undefined;
  tidy(() => {
    context = make();
    return [context.mask, ...context.layers.flatMap(({ key, value }) => [key, value])];
  });
  return context!;
}

/** The context of one prompt `count` times; the argument is borrowed, the result is the caller's. */
export function repeatContext({ layers, mask, end }: PromptContext, count: number): PromptContext {
  const repeat = (x: Tensor): Tensor => tile(x, [count, ...new Array<number>(x.rank - 1).fill(1)]);
  return tidyContext(() => ({
    layers: layers.map(({ key, value }) => ({ key: repeat(key), value: repeat(value) })),
    mask: repeat(cast(mask, 'int32')),
    end: Array.from({ length: count }, () => Array.from(end)).flat(),
  }));
}

/** Stacks contexts along the batch, padding the shorter on the right with hidden tokens. Borrows; the result is the caller's. */
export function concatContexts(contexts: readonly PromptContext[]): PromptContext {
  const tokens = Math.max(...contexts.map(({ mask }) => mask.shape[1]!));
  const widen = (x: Tensor, axis: number): Tensor =>
    pad(
      x,
      x.shape.map((size, i): [number, number] => [0, i === axis ? tokens - size : 0]),
    );
  const stack = (of: (context: PromptContext) => Tensor, axis: number) =>
    concat(
      contexts.map((context) => widen(of(context), axis)),
      0,
    );
  return tidyContext(() => ({
    layers: contexts[0]!.layers.map((_, layer) => ({
      key: stack(({ layers }) => layers[layer]!.key, 2),
      value: stack(({ layers }) => layers[layer]!.value, 2),
    })),
    mask: stack(({ mask }) => cast(mask, 'int32'), 1),
    end: contexts.flatMap(({ end }) => Array.from(end)),
  }));
}
