import type { TrainingRecord } from './loss-reader.ts';

/** A record as one line of JSON Lines, with snake_case keys and a line feed. */
export function formatRecord({ step, loss, meanLoss, learningRate, gradientNorm, seconds }: TrainingRecord): string {
  const line = {
    step,
    loss,
    mean_loss: meanLoss,
    learning_rate: learningRate,
    gradient_norm: gradientNorm,
    seconds: Math.round(seconds * 1000) / 1000,
  };
  return `${JSON.stringify(line)}\n`;
}
