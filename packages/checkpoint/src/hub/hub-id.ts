const NAME = /^\b[\w.-]{1,96}\b\/\b[\w.-]{1,96}\b$/;

/**
 * True for what names a model on the Hugging Face Hub: `owner/name` of letters, digits, `-`, `_` and `.`, which starts
 * and ends with none of `-` and `.`, without `--` and `..`.
 */
export function isHubId(text: string): boolean {
  return NAME.test(text) && !/--|\.\.|\.git$/.test(text);
}
