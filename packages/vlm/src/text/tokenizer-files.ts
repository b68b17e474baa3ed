import { describeValue } from '@latte-flow/core';

import { isJsonObject } from '../config/json-fields.ts';

const isText = (value: unknown): value is string => typeof value === 'string';
const isId = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isAddedToken = (value: unknown): boolean => isJsonObject(value) && isText(value['content']) && isId(value['id']);
const isMerge = (value: unknown): boolean => isText(value) || (Array.isArray(value) && value.every(isText));
const isVocabulary = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.every((entry) => Array.isArray(entry) && isText(entry[0]) && typeof entry[1] === 'number')
    : isJsonObject(value) && Object.values(value).every(isId);

/**
 * What is wrong with the lists of a `tokenizer.json`, in words; undefined if nothing. The tokenizer's library takes them as
 * they are, and would loop over a token that is an object for as long as its `length` says.
 */
export function flawOfTokenizer(json: object): string | undefined {
  const { added_tokens: added = [], model } = json as { added_tokens?: unknown; model?: unknown };
  if (!Array.isArray(added)) return `added_tokens ${describeValue(added)}`;
  const token = added.find((entry) => !isAddedToken(entry));
  if (token !== undefined) return `an added token without content and id, ${describeValue(token)}`;
  if (!isJsonObject(model)) return `model ${describeValue(model)}`;
  const { vocab, merges = [] } = model;
  if (!isVocabulary(vocab)) return `a vocabulary other than tokens with ids, ${describeValue(vocab)}`;
  if (!Array.isArray(merges) || !merges.every(isMerge))
    return `merges other than pairs of text, ${describeValue(merges)}`;
  return undefined;
}
