import { DEFAULT_PROMPT_TEMPLATE } from '@latte-flow/model';

/** A prompt in the template that generation streams use unless their config names another. */
export function renderTrainingPrompt(prompt: string): string {
  return DEFAULT_PROMPT_TEMPLATE.replace('{prompt}', () => prompt);
}
