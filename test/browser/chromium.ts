import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';
import { chromium, type Browser } from 'playwright-core';
import { test } from 'vitest';

const CHROMIUM = '/usr/bin/chromium';
const ARGUMENTS = ['--headless=new', '--no-sandbox', '--enable-unsafe-webgpu'];

/** Why there is no browser to test in; undefined if there is one. */
export const missing =
  existsSync(CHROMIUM) || process.env['LATTE_REQUIRE_WEBGPU'] === '1' ? undefined : `no ${CHROMIUM}`;

/** A test in a browser: reported as skipped, with the reason in its name, where there is none. */
export function browserTest(name: string, body: () => Promise<void>): void {
  if (missing === undefined) test(name, body);
  else test.skip(`${name} [skipped: ${missing}]`, body);
}

export const launchChromium = (): Promise<Browser> => chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });

/** A program of this folder as a page's script. */
export async function bundlePage(program: string): Promise<Uint8Array> {
  const { resolve } = createRequire(new URL('../../packages/checkpoint/package.json', import.meta.url));
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(program, import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    conditions: ['@latte-flow/source', 'browser', 'module'],
    // The client names its files for browsers in a field that esbuild does not heed beside `exports`.
    alias: { '@huggingface/hub': join(dirname(resolve('@huggingface/hub')), 'browser/index.mjs') },
    external: ['sharp'],
    logLevel: 'error',
  });
  return outputFiles[0]!.contents;
}
