import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** SwiftShader's Vulkan driver, which Debian's chromium package brings: WebGPU on machines without a GPU. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

if (process.env['VK_ICD_FILENAMES'] === undefined && existsSync(SWIFTSHADER)) {
  process.env['VK_ICD_FILENAMES'] = SWIFTSHADER;
}
// Without a private runtime folder the Vulkan loader complains on stderr.
process.env['XDG_RUNTIME_DIR'] ??= mkdtempSync(join(tmpdir(), 'latte-xdg-'));
