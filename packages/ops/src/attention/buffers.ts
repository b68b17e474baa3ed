/** The declaration of a buffer of heads. */
export const headsBuffer = (name: string, width: number): string =>
  `${name}: array<${width % 4 === 0 ? 'vec4f' : 'f32'}>`;

/** WGSL: `load_NAME(row, e)` reads vector e of a row of the buffer NAME, zeros beyond its channels. */
export function loadFunction(name: string, width: number): string {
  const body =
    width % 4 === 0
      ? `return ${name}[row * ${width / 4}u + e];`
      : `var vector = vec4f();
         for (var i = 0u; i < min(4u, ${width}u - 4u * e); i++) { vector[i] = ${name}[row * ${width}u + 4u * e + i]; }
         return vector;`;
  return `fn load_${name}(row: u32, e: u32) -> vec4f { ${body} }`;
}

/** WGSL: `store_NAME(row, e, vector)`. */
export function storeFunction(name: string, width: number): string {
  const body =
    width % 4 === 0
      ? `${name}[row * ${width / 4}u + e] = vector;`
      : `for (var i = 0u; i < min(4u, ${width}u - 4u * e); i++) { ${name}[row * ${width}u + 4u * e + i] = vector[i]; }`;
  return `fn store_${name}(row: u32, e: u32, vector: vec4f) { ${body} }`;
}

/** WGSL: reads vector e of key or value j, of the context first. */
export function blockLoad(name: string, hasContext: boolean): string {
  const own = `load_${name}(batch * params.own_pitch + j - first_own, e)`;
  if (!hasContext)
    return `fn load_block_${name}(batch: u32, j: u32, e: u32) -> vec4f { let first_own = 0u; return ${own}; }`;
  return /* wgsl */ `
    fn load_block_${name}(batch: u32, j: u32, e: u32) -> vec4f {
      let first_own = params.context;
      if (j < first_own) { return load_context_${name}(batch * params.context + j, e); }
      return ${own};
    }`;
}

/** The declaration of a buffer of maps; in vectors of four keys where no four of a tile are in two places. */
export const mapBuffer = (name: string, inVectors: boolean): string => `${name}: array<${inVectors ? 'vec4f' : 'f32'}>`;

/** True if the four columns of a lane are all of the context, all of the own block, or all beyond. */
export const fallsInVectors = (queries: number, contextTokens: number): boolean =>
  queries % 4 === 0 && contextTokens % 4 === 0;

/** WGSL: `load_NAME(at, is_there)` reads four neighbours of a map, zeros where there is nothing. */
export function mapLoad(name: string, inVectors: boolean): string {
  const body = inVectors
    ? `if (is_there.x) { values = ${name}[at / 4u]; }`
    : `for (var c = 0u; c < 4u; c++) { if (is_there[c]) { values[c] = ${name}[at + c]; } }`;
  return `fn load_${name}(at: u32, is_there: vec4<bool>) -> vec4f { var values = vec4f(); ${body} return values; }`;
}

/** WGSL: `store_NAME(at, is_there, values)`. */
export function mapStore(name: string, inVectors: boolean): string {
  const body = inVectors
    ? `if (is_there.x) { ${name}[at / 4u] = values; }`
    : `for (var c = 0u; c < 4u; c++) { if (is_there[c]) { ${name}[at + c] = values[c]; } }`;
  return `fn store_${name}(at: u32, is_there: vec4<bool>, values: vec4f) { ${body} }`;
}
