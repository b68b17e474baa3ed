import type { OnProgress, Progress } from '@latte-flow/core';

import type { Output } from './terminal.ts';

const BAR_WIDTH = 30;
/** Where nobody watches, a stage says something every so many percent. */
const SPARSE_PERCENT = 25;
const MEBIBYTE = 2 ** 20;
/** The stages that count bytes. */
const BYTE_STAGES: ReadonlySet<string> = new Set(['download', 'load']);

function countsOf({
  stage,
  step,
  steps,
  loaded,
  total,
}: Progress): { done: number; all: number; unit: string } | undefined {
  if (step !== undefined && steps !== undefined) return { done: step, all: steps, unit: 'steps' };
  if (loaded === undefined || total === undefined) return undefined;
  const isBytes = BYTE_STAGES.has(stage);
  if (!isBytes || total < MEBIBYTE) return { done: loaded, all: total, unit: isBytes ? 'bytes' : '' };
  const mebibytes = (bytes: number): number => Math.round((10 * bytes) / MEBIBYTE) / 10;
  return { done: mebibytes(loaded), all: mebibytes(total), unit: 'MiB' };
}

/** What goes behind the count: `, loss 0.3124`, `, model.safetensors 12 %`. */
function detailOf({ metrics = {}, file }: Progress): string {
  const details = Object.entries(metrics).map(([name, value]) => `, ${name} ${value.toPrecision(4)}`);
  if (file !== undefined) details.push(`, ${file.path} ${Math.floor((100 * file.loaded) / (file.total || 1))} %`);
  return details.join('');
}

/**
 * Draws progress: on a terminal one line that rewrites itself, elsewhere a line a stage and quarter, and nothing at all
 * where `quiet` and nobody watches. `end` leaves the cursor on a fresh line.
 */
export class ProgressLine {
  readonly #output: Output;
  readonly #quiet: boolean;
  #stage = '';
  #percent = 0;
  #open = false;

  constructor(output: Output, { quiet }: { readonly quiet: boolean }) {
    this.#output = output;
    this.#quiet = quiet && output.isTTY !== true;
  }

  readonly show: OnProgress = (progress) => {
    const counts = countsOf(progress);
    if (this.#quiet || counts === undefined || counts.all === 0) return;
    const percent = Math.floor((100 * counts.done) / counts.all);
    if (progress.stage !== this.#stage || percent < this.#percent) {
      this.end();
      [this.#stage, this.#percent] = [progress.stage, 0];
    }
    const text = `${counts.done} of ${counts.all} ${counts.unit}`.trimEnd() + detailOf(progress);
    if (this.#output.isTTY === true) {
      const bar = '#'.repeat(Math.round((BAR_WIDTH * percent) / 100)).padEnd(BAR_WIDTH, '.');
      this.#output.write(`\r\u001b[K${progress.stage} [${bar}] ${text}`);
      this.#open = true;
    } else if (percent >= this.#percent + SPARSE_PERCENT) {
      this.#output.write(`${progress.stage}: ${text}\n`);
    } else {
      return;
    }
    this.#percent = percent;
  };

  end(): void {
    if (this.#open) this.#output.write('\n');
    this.#open = false;
    this.#stage = '';
  }
}
