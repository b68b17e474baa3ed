/** One event of a long call. Bytes are counted by `loaded` and `total`, iterations by `step` and `steps`. */
export interface Progress {
  /** What is being done: `download`, `load`, `encode`, `sample`, `decode`, `train`, … */
  readonly stage: string;
  /** Bytes or items done so far, and in all where known. */
  readonly loaded?: number;
  readonly total?: number;
  /** Iterations done so far (the first finished one is 1), and in all. */
  readonly step?: number;
  readonly steps?: number;
  /** Of several files that `loaded` and `total` add up: the one that this event is about, in bytes. */
  readonly file?: { readonly path: string; readonly loaded: number; readonly total: number };
  /** A figure worth showing, e.g. `{ loss: 0.31 }`. */
  readonly metrics?: Readonly<Record<string, number>>;
}

export type OnProgress = (progress: Progress) => void;
