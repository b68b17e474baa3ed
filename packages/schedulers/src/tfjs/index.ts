export { guideTensors } from './guide-tensors.ts';
export { integrateTensors } from './integrate-tensors.ts';
export { tensorArithmetic } from './tensor-arithmetic.ts';
