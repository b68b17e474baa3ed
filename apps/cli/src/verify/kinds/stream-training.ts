import { flowMatchingLoss } from '@latte-flow/model/training';
import type { LatteFlowConfig, PromptContext } from '@latte-flow/model';
import { ParameterStore, TensorOwner } from '@latte-flow/runtime';
import { Trainer } from '@latte-flow/trainer';
import { variableGrads, type Scalar, type Tensor } from '@tensorflow/tfjs-core';

import { download, list } from '../compare.ts';
import type { FixtureTensors } from '../fixture-tensors.ts';
import { EXACT, type FixtureReport } from '../report.ts';
import { GRADIENT_BOUND, LOSS_BOUND, loadParameters } from './stream-fixture.ts';

const GRADIENT = 'grad.';
/** The optimiser of `train.adamw_losses`. */
const LEARNING_RATE = 1e-3;
const ADAMW = { betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.01 } as const;

interface TrainingCase {
  readonly config: LatteFlowConfig;
  readonly tensors: FixtureTensors;
  readonly context: PromptContext;
}

/** Loss, gradients and a short training run of the last group, where the fixture has them. */
export async function checkTraining(training: TrainingCase, report: FixtureReport): Promise<void> {
  const { config, tensors, context } = training;
  if (tensors.namesAfter('train.').length === 0 && tensors.namesAfter(GRADIENT).length === 0) return;
  if (report.hasHalves) {
    report.unsupported('train', 'weights that are kept as float16 cannot be trained');
    return;
  }
  await report.section('train', async () => {
    using owner = new TensorOwner();
    using parameters = await loadParameters(tensors, config, { trainable: true });
    const batch = {
      data: owner.own(tensors.upload('train.x1')),
      noise: owner.own(tensors.upload('train.x0')),
      times: tensors.floats('train.t'),
      context,
      group: config.numGroups - 1,
    };
    const loss = (): Scalar => flowMatchingLoss(batch, parameters, config);
    const variables = [...parameters.variables().values()];
    const { value, grads } = variableGrads(loss, variables);
    for (const tensor of [value, ...Object.values(grads)]) owner.own(tensor);
    const gradients = new Map<string, Tensor>();
    for (const [name, variable] of parameters.variables()) {
      const gradient = grads[variable.name];
      if (gradient !== undefined) gradients.set(name, gradient);
    }

    await report.compare('train.loss', LOSS_BOUND, async () => [await download(value), tensors.quantity('train.loss')]);
    await checkGradients(gradients, tensors, report);
    if (tensors.has('train.adamw_losses')) {
      await checkAdamW({ parameters, loss, trained: new Set(gradients.keys()) }, tensors, report);
    }
  });
}

/** Tensor by tensor; a parameter without a gradient on one side only is a difference. */
async function checkGradients(
  gradients: ReadonlyMap<string, Tensor>,
  tensors: FixtureTensors,
  report: FixtureReport,
): Promise<void> {
  const expected = tensors.namesAfter(GRADIENT);
  await report.compare('grad', EXACT, () => {
    const names = [...new Set([...expected, ...gradients.keys()])];
    const present = (has: (name: string) => boolean) => list(names.map((name) => Number(has(name))));
    return [present((name) => gradients.has(name)), present((name) => tensors.has(GRADIENT + name))];
  });
  for (const name of expected) {
    const gradient = gradients.get(name);
    if (gradient === undefined) continue;
    await report.compare(GRADIENT + name, GRADIENT_BOUND, async () => [
      await download(gradient),
      tensors.quantity(GRADIENT + name),
    ]);
  }
}

/** As many steps as the fixture has losses, each loss before its update. Changes the parameters. */
async function checkAdamW(
  { parameters, loss, trained }: { parameters: ParameterStore; loss: () => Scalar; trained: ReadonlySet<string> },
  tensors: FixtureTensors,
  report: FixtureReport,
): Promise<void> {
  await report.compare('train.adamw_losses', LOSS_BOUND, async () => {
    const expected = tensors.quantity('train.adamw_losses');
    using trainer = new Trainer<undefined>({
      parameters,
      batch: () => undefined,
      disposeBatch: () => undefined,
      loss,
      learningRate: LEARNING_RATE,
      optimizer: ADAMW,
      block: (name) => (trained.has(name) ? 'trained' : 'untouched'),
    });
    const losses: number[] = [];
    const steps = expected.values.length;
    await trainer.run({ steps, logEvery: 1, signal: report.signal, onLog: (record) => losses.push(record.loss) });
    return [list(losses), expected];
  });
}
