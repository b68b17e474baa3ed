/** Elements that one lane reads at once: four where every row is a whole number of `vec4f`, else one. */
export type Pack = 1 | 4;

export function packOf(...widths: readonly number[]): Pack {
  return widths.every((width) => width % 4 === 0) ? 4 : 1;
}

/** WGSL: `Value` is what one lane reads at once, `total` the sum of its elements. `Value(c)` fills it with c. */
export function valueOf(pack: Pack): string {
  return pack === 4
    ? 'alias Value = vec4f; fn total(v: Value) -> f32 { return (v.x + v.y) + (v.z + v.w); }'
    : 'alias Value = f32; fn total(v: Value) -> f32 { return v; }';
}
