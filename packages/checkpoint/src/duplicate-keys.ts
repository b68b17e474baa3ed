const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],]/g;

/**
 * The first name that an object of a JSON text gives twice, at any depth. `JSON.parse` keeps the last one silently,
 * which would let two readers of one file see different tensors.
 *
 * @param json a text that `JSON.parse` accepts.
 */
export function findDuplicateKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let atName = false;
  for (const [token] of json.matchAll(TOKEN)) {
    const names = open.at(-1);
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : undefined);
      atName = token === '{';
    } else if (token === '}' || token === ']') {
      open.pop();
      atName = false;
    } else if (token === ',') {
      atName = names !== undefined;
    } else if (atName && names !== undefined) {
      const name: string = JSON.parse(token);
      if (names.has(name)) return name;
      names.add(name);
      atName = false;
    }
  }
  return undefined;
}
