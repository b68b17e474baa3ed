/** Singular in form, but not counted: "broccoli", never "a broccoli". */
const MASS_NOUNS = new Set([
  'bacon', 'bread', 'broccoli', 'butter', 'cheese', 'chocolate', 'fire', 'fog', 'garlic', 'ginger', 'ice', 'money',
  'popcorn', 'rain', 'rice', 'salt', 'sake', 'soap', 'spaghetti', 'sushi', 'tofu', 'water', 'wood',
]); // prettier-ignore

/** Spelt with a vowel but spoken with a consonant first, and the other way round. */
const CONSONANT_SOUND = /^(?:uni|use|eu|ewe|one|ufo|ukulele)/i;
const VOWEL_SOUND = /^(?:hour|honest|x-ray)/i;

/** What follows the noun that decides: "nest with eggs" is one nest. */
const AFTER_HEAD = /\s(?:with|without|of|on|in|at|to|and|behind|over|showing|holding|lifting)\s.*$/;
const PLURALS = new Set(['people', 'men', 'women']);
const SINGULARS = /^(?:lens|canvas|christmas|atlas|rhinoceros)$/;

function headNoun(label: string): string {
  return label.toLowerCase().replace(AFTER_HEAD, '').split(/[\s-]/).at(-1)!;
}

/** True for "grapes" and "chopsticks", false for "bus", "cross", "tennis" and "nest with eggs". */
export function isPlural(label: string): boolean {
  const head = headNoun(label);
  return PLURALS.has(head) || (/[^sui]s$/.test(head) && !SINGULARS.test(head));
}

/**
 * The label with `a` or `an` before it, or with nothing where English has no article: "an owl", "grapes". Of the sun
 * there is one.
 */
export function withArticle(label: string): string {
  if (label === 'sun') return 'the sun';
  if (isPlural(label) || MASS_NOUNS.has(headNoun(label))) return label;
  const vowel = VOWEL_SOUND.test(label) || (/^[aeiou]/i.test(label) && !CONSONANT_SOUND.test(label));
  return `${vowel ? 'an' : 'a'} ${label}`;
}
