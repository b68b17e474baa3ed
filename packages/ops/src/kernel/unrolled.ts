// WGSL that is written out piece by piece, with registers of names of their own in the place of indexed memory.

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

export const lines = (pieces: readonly string[]): string => pieces.join('\n');

/** Joins one piece for each i < count. */
export const each = (count: number, piece: (i: number) => string): string => lines(range(count).map(piece));
