import { describe, expect, test } from 'vitest';

import type { Manifest, WorkspacePackage } from '../workspace/packages.ts';
import { manifestFaults, sourceFaults } from './dependency-direction.ts';
import { dependencyTable, reachable } from './dependency-table.ts';

function library(name: string, manifest: Partial<Manifest> = {}): WorkspacePackage {
  return { folder: `packages/${name}`, manifest: { name: `@latte-flow/${name}`, ...manifest } };
}

function faultsOf(entry: WorkspacePackage, text: string, path = 'src/a/b.ts'): string {
  return sourceFaults(entry, { path, text }).join('\n');
}

describe('the table', () => {
  test('has no cycle', () => {
    for (const name of Object.keys(dependencyTable)) expect(reachable(name).has(name), name).toBe(false);
  });

  test('lets a library import what its needs import', () => {
    expect(reachable('vlm')).toEqual(new Set(['ops', 'runtime', 'core', 'checkpoint']));
    expect(reachable('trainer').has('model')).toBe(false);
  });
});

describe('manifests', () => {
  test('arrows point up', () => {
    const up = { dependencies: { '@latte-flow/core': '*', '@latte-flow/runtime': '*' } };
    expect(manifestFaults(library('ops', up))).toEqual([]);
    const down = { dependencies: { '@latte-flow/model': '*' } };
    expect(manifestFaults(library('trainer', down)).join()).toContain('must not depend on @latte-flow/model');
  });

  test('a library that the table lacks is refused', () => {
    expect(manifestFaults(library('sketch')).join()).toContain('dependency-table.ts');
  });

  test('TensorFlow.js is a peer, and only runtime has more than its core', () => {
    const peer = { peerDependencies: { '@tensorflow/tfjs-core': '*' } };
    expect(manifestFaults(library('ops', peer))).toEqual([]);
    const bundled = { dependencies: { '@tensorflow/tfjs-core': '*' } };
    expect(manifestFaults(library('ops', bundled)).join()).toContain('must be a peer');
    const backend = { peerDependencies: { '@tensorflow/tfjs-backend-wasm': '*' } };
    expect(manifestFaults(library('runtime', backend))).toEqual([]);
    expect(manifestFaults(library('ops', backend)).join()).toContain('only runtime');
  });

  test('the plain packages have no third-party dependency', () => {
    const third = { dependencies: { 'fast-png': '*' } };
    expect(manifestFaults(library('core', third)).join()).toContain('core must not depend on fast-png');
    expect(manifestFaults(library('model', third))).toEqual([]);
  });

  test('apps import what they like', () => {
    const cli = {
      folder: 'apps/cli',
      manifest: { name: '@latte-flow/cli', dependencies: { '@tensorflow/tfjs': '*' } },
    };
    expect(manifestFaults(cli)).toEqual([]);
  });
});

describe('sources', () => {
  const ops = library('ops', {
    dependencies: { '@latte-flow/core': '*' },
    peerDependencies: { '@tensorflow/tfjs-core': '*' },
  });

  test('import what the manifest declares', () => {
    expect(faultsOf(ops, `import { x } from '@latte-flow/core'; import type { T } from '@tensorflow/tfjs-core';`)).toBe(
      '',
    );
    expect(faultsOf(ops, `export { x } from '@latte-flow/runtime';`)).toContain(
      "'@latte-flow/runtime' is not in the manifest",
    );
    expect(faultsOf(ops, `const x = await import('fast-png');`)).toContain("'fast-png' is not in the manifest");
    expect(faultsOf(ops, `type X = import('fast-png').Png;`)).toContain("'fast-png' is not in the manifest");
    expect(faultsOf(ops, `// import 'fast-png'\nconst text = "import 'fast-png'";`)).toBe('');
  });

  test('relative imports carry .ts and stay inside', () => {
    expect(faultsOf(ops, `import { x } from '../c.ts'; import table from './t.json';`)).toBe('');
    expect(faultsOf(ops, `import { x } from '../c';`)).toContain('.ts ending');
    expect(faultsOf(ops, `import { x } from '../c.js';`)).toContain('.ts ending');
    expect(faultsOf(ops, `import { x } from '../../../core/src/index.ts';`)).toContain('leaves the package');
  });

  test('tests import freely, with .ts endings', () => {
    expect(faultsOf(ops, `import { test } from 'vitest'; import '../../../../tooling/x.ts';`, 'src/a/b.test.ts')).toBe(
      '',
    );
    expect(faultsOf(ops, `import { x } from './b';`, 'src/a/b.test.ts')).toContain('.ts ending');
  });

  test('so does what the package does not publish, but nothing published imports it', () => {
    const entry = library('ops', { files: ['src', '!src/testing'] });
    expect(faultsOf(entry, `import '../../../../tooling/x.ts'; import 'vitest';`, 'src/testing/b.ts')).toBe('');
    expect(faultsOf(entry, `import { x } from '../testing/b.ts';`)).toContain('is not published');
  });

  test('backends belong to runtime, even where a manifest declares one', () => {
    const declared = library('ops', { dependencies: { '@tensorflow/tfjs': '*' } });
    expect(faultsOf(declared, `import '@tensorflow/tfjs';`)).toContain('only runtime');
  });

  test('TensorFlow.js stays in the /tfjs subpath of schedulers', () => {
    const schedulers = library('schedulers', { peerDependencies: { '@tensorflow/tfjs-core': '*' } });
    const text = `import { add } from '@tensorflow/tfjs-core';`;
    expect(faultsOf(schedulers, text, 'src/tfjs/tensors.ts')).toBe('');
    expect(faultsOf(schedulers, text, 'src/solvers/euler.ts')).toContain('src/tfjs only');
  });

  test('WebGPU appears in runtime and ops', () => {
    const text = `export async function f(d: GPUDevice) { return navigator.gpu; }`;
    expect(faultsOf(ops, text)).toBe('');
    const found = faultsOf(library('model'), text);
    expect(found).toContain('GPUDevice');
    expect(found).toContain('navigator.gpu');
    expect(faultsOf(library('model'), `// a GPUDevice\nconst words = 'GPUDevice';`)).toBe('');
  });
});
