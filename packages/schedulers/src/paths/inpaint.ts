import { LatteFlowError, requireFinite } from '@latte-flow/core';

import { combineArrays, type FloatArray } from '../arrays/float-array.ts';

export interface NoisedTo {
  /** As long as the data. */
  readonly noise: FloatArray;
  /** In [0, 1], 1 noise to 0 data. */
  readonly sigma: number;
}

/**
 * sigma noise + (1 - sigma) data, as a new array of the data's kind: where an image-to-image run begins. On tensors it is
 * the same linear combination.
 * @throws LatteFlowError `invalid-argument` for sigma outside [0, 1], `shape-mismatch` if the lengths differ.
 */
export function addNoise<A extends FloatArray>(data: A, { noise, sigma }: NoisedTo): A {
  requireFinite('addNoise', 'sigma', sigma, { min: 0, max: 1 });
  return combineArrays('addNoise', [
    [1 - sigma, data],
    [sigma, noise],
  ]) as A;
}

export interface Inpaint<A extends FloatArray> extends NoisedTo {
  /** The known image, as long as the sample. */
  readonly image: A;
  /** 1 where the sample is kept, 0 where the image is, as long as the sample; parts in between blend. */
  readonly mask: ArrayLike<number>;
}

/**
 * What an inpainting run puts in the place of its sample after each step, at the sigma the step led to:
 * mask sample + (1 - mask) (sigma noise + (1 - sigma) image), with the noise that the run began with. A new array.
 * @throws LatteFlowError `invalid-argument` for sigma outside [0, 1], `shape-mismatch` if a length differs.
 */
export function blendInpaint<A extends FloatArray>(sample: A, { image, mask, noise, sigma }: Inpaint<A>): A {
  const known = addNoise(image, { noise, sigma });
  if (known.length !== sample.length || mask.length !== sample.length) {
    throw new LatteFlowError('shape-mismatch', {
      where: 'blendInpaint',
      expected: `an image and a mask of ${sample.length} elements, as the sample has`,
      got: `${image.length} and ${mask.length}`,
      remedy: 'Encode the image to latents, and repeat the mask over their channels.',
    });
  }
  return known.map((value, i) => mask[i]! * sample[i]! + (1 - mask[i]!) * value) as A;
}
