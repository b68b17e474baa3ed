import { generateImages, LatteFlow } from '@latte-flow/model';
import { tuneProducts, watchProducts, type TunableProduct, type TunedProduct } from '@latte-flow/ops';
import { Command, Option } from 'commander';

import { layerProducts } from '../bench/layer-products.ts';
import { shapeNames, type ShapeName } from '../bench/shapes.ts';
import { bootDevice } from '../boot-device.ts';
import { generationDefaults } from '../generation-defaults.ts';
import { openModel, shippedModel } from '../model-session.ts';
import { jsonFlag, listOption, modelFlag } from '../options.ts';
import { ProgressLine } from '../progress-line.ts';
import { printJson, type CommandContext } from '../terminal.ts';
import { saveTuning } from '../tuning-file.ts';

const WHERE = 'latte tune';
/** What is drawn to see which products a model runs. */
const PROMPT = 'a red apple';

const HELP = `
Draws a picture with the model on WebGPU, measures every way of cutting each matrix product that this ran, and keeps the fastest in
$XDG_CACHE_HOME/latte-flow/tuning.json (~/.cache without it), by adapter: every command uses them from then on. With --shapes the
products of latte bench are tuned instead.

--json prints:
  file        where the choices are kept
  products    [{ m, n, k, transpose_a, transpose_b, weights, precision, tiling, pieces, ms, untuned_ms }]: [m, k] x [k, n]`;

interface TypedOptions {
  readonly model?: string;
  readonly shapes?: string;
  readonly json?: boolean;
}

/** The products of one picture. */
async function modelProducts(
  location: string,
  progress: ProgressLine,
  context: CommandContext,
): Promise<TunableProduct[]> {
  const session = await openModel({ location, device: 'webgpu', progress, load: LatteFlow.fromPretrained }, context);
  using model = session.model;
  const watch = watchProducts();
  try {
    const { signal } = context;
    await generateImages(model, PROMPT, { ...generationDefaults, signal, onProgress: progress.show });
  } finally {
    watch.stop();
  }
  return watch.stop();
}

async function shapeProducts(names: readonly ShapeName[], context: CommandContext): Promise<TunableProduct[]> {
  await bootDevice('webgpu', context);
  const products: TunableProduct[] = [];
  for (const name of names) products.push(...(await layerProducts(name)));
  return products;
}

function report({ product, tiling, pieces, ms, untunedMs }: TunedProduct) {
  const { m, n, k, transposeA, transposeB, weights, precision } = product;
  const size = { m, n, k, transpose_a: transposeA, transpose_b: transposeB, weights, precision };
  return { ...size, tiling, pieces, ms, untuned_ms: untunedMs };
}

function line({ product, tiling, pieces, ms, untunedMs }: TunedProduct): string {
  const { m, n, k, weights, precision } = product;
  const gain = `${untunedMs.toFixed(3)} -> ${ms.toFixed(3)} ms`;
  return `[${m}, ${k}] x [${k}, ${n}] ${weights} ${precision}: ${gain}, ${tiling}, ${pieces} pieces\n`;
}

async function runTune({ model, shapes, json = false }: TypedOptions, context: CommandContext): Promise<void> {
  const names = shapes === undefined ? undefined : listOption(WHERE, '--shapes', { text: shapes, allowed: shapeNames });
  const progress = new ProgressLine(context.stderr, { quiet: json });
  try {
    const products =
      names === undefined
        ? await modelProducts(model ?? shippedModel(), progress, context)
        : await shapeProducts(names, context);
    const tuned = await tuneProducts(products, { signal: context.signal, onProgress: progress.show });
    progress.end();
    const file = await saveTuning(context);
    if (json) printJson(context, { file, products: tuned.map(report) });
    else context.stdout.write(`${tuned.map(line).join('')}${file}\n`);
  } finally {
    progress.end();
  }
}

/** `latte tune` */
export function tuneCommand(context: CommandContext): Command {
  return new Command('tune')
    .description('measure the fastest way of multiplying matrices on this GPU, for every later command')
    .addOption(modelFlag())
    .addOption(
      new Option('--shapes <names>', `of ${shapeNames.join(', ')}, with commas: tune these instead of a model`),
    )
    .addOption(jsonFlag())
    .addHelpText('after', HELP)
    .action((options: TypedOptions) => runTune(options, context));
}
