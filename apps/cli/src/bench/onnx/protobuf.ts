/** A message of Protocol Buffers: its fields, encoded one after another. */
export type Message = readonly Uint8Array[];

const WIRE = { varint: 0, length: 2, fixed32: 5 } as const;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value)); // negative numbers take ten bytes
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

const tag = (field: number, wire: number): number[] => varint(field * 8 + wire);

export function integer(field: number, value: number): Message {
  return [Uint8Array.from([...tag(field, WIRE.varint), ...varint(value)])];
}

export function float(field: number, value: number): Message {
  return [Uint8Array.from(tag(field, WIRE.fixed32)), new Uint8Array(Float32Array.of(value).buffer)];
}

export function bytes(field: number, value: Uint8Array): Message {
  return [Uint8Array.from([...tag(field, WIRE.length), ...varint(value.length)]), value];
}

export function text(field: number, value: string): Message {
  return bytes(field, new TextEncoder().encode(value));
}

export function message(field: number, fields: readonly Message[]): Message {
  const content = fields.flat();
  return [Uint8Array.from([...tag(field, WIRE.length), ...varint(lengthOf(content))]), ...content];
}

/** The whole as one array. */
export function encode(fields: readonly Message[]): Uint8Array {
  const parts = fields.flat();
  const out = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function lengthOf(parts: Message): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
