import { packageVersion, styleSources } from './styles.ts';

const LICENCE_URLS = {
  'Apache-2.0': 'https://www.apache.org/licenses/LICENSE-2.0',
  MIT: 'https://opensource.org/license/mit',
  'CC-BY-4.0': 'https://creativecommons.org/licenses/by/4.0/',
};

const MIT_PERMISSION = `Permission notice of the MIT licence, for the parts under it:

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

/** The attributions that the corpus, and weights trained on it, are passed on with. */
export function noticeText(): string {
  const entries = styleSources.map(
    ({ name, title, authors, homepage, licence, packageName }) =>
      `${title} (style "${name}")\n` +
      `  Copyright ${authors}, ${homepage}\n` +
      `  Licence: ${licence}, ${LICENCE_URLS[licence]}\n` +
      `  Taken from: ${packageVersion(packageName)}\n`,
  );
  return [
    'LaTtE-Flow emoji: notices\n',
    'The corpus and the weights trained on it use the emoji art and names listed below. The art was changed: drawn at',
    '256 x 256 pixels, trimmed, scaled to 64 x 64, and placed on backgrounds of other colours. Its authors endorse',
    'neither this project nor what is made with it.\n',
    ...entries,
    'Names, tags and groups: emojibase',
    '  Copyright 2017-2019 Miles Johnson, https://emojibase.dev',
    `  Licence: MIT, ${LICENCE_URLS.MIT}`,
    `  Taken from: ${packageVersion('emojibase-data')}\n`,
    MIT_PERMISSION,
  ].join('\n');
}
