#!/usr/bin/env node
// Runs a job of this repository on a machine that has Node >= 20 and npm and nothing else:
//   node tooling/run.mjs JOB [-- ARGS]
// Brings the workspace up to date first where a manifest or the lockfile changed, then runs the job with the workspace's
// own Node. Keeps stdout for the job: whatever this script says goes to stderr.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const source = '--conditions=@latte-flow/source';

/** What Node is called with, by job. */
const jobs = {
  demo: [source, 'tooling/demo/index.ts'],
  test: ['node_modules/vitest/vitest.mjs', 'run'],
  latte: [source, 'apps/cli/src/index.ts'],
  check: [source, 'tooling/checks/index.ts'],
  build: ['tooling/build/index.ts'],
  format: ['node_modules/oxfmt/bin/oxfmt'],
  corpus: [source, 'tooling/corpus/build.ts'],
  'train-bundle': ['tooling/train-bundle/index.ts'],
  'emoji-checkpoint': [source, 'tooling/emoji/index.ts'],
};

const nodePath = join(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');
const stampPath = join(root, 'node_modules/.latte-installed');
const lockPath = join(root, '.cache/install.lock');

function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Every folder that holds a manifest of the workspace, as pnpm-workspace.yaml lists them. */
function manifestFolders() {
  const children = ['packages', 'apps'].flatMap((parent) =>
    existsSync(join(root, parent)) ? readdirSync(join(root, parent)).map((name) => join(parent, name)) : [],
  );
  return ['.', ...children, 'tooling', 'test'];
}

/** What an install depends on, as one hash. */
function workspaceHash() {
  const manifests = manifestFolders().map((folder) => join(folder, 'package.json'));
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const path of [...manifests, 'pnpm-workspace.yaml', 'pnpm-lock.yaml'].sort()) {
    if (existsSync(join(root, path))) hash.update(`\0${path}\0`).update(readFileSync(join(root, path)));
  }
  return hash.digest('hex');
}

function isInstalled(hash) {
  return existsSync(nodePath) && existsSync(stampPath) && readFileSync(stampPath, 'utf8') === hash;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Whose lock this is, or undefined where nobody holds it. */
function lockHolder() {
  try {
    return readFileSync(lockPath, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Takes the lock, waiting for a holder that is alive. */
async function takeLock() {
  mkdirSync(dirname(lockPath), { recursive: true });
  for (let waited = false; ; waited = true) {
    try {
      writeFileSync(lockPath, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = lockHolder();
    if (holder && !isAlive(Number(holder))) {
      rmSync(lockPath, { force: true });
      continue;
    }
    if (!waited) say('Waiting for another process, which is installing the workspace ...');
    await new Promise((wake) => setTimeout(wake, 200));
  }
}

/** Installs exactly what the lockfile names; undefined, or what went wrong. */
function install(packageManager) {
  const { status, error } = spawnSync(
    'npx',
    ['--yes', packageManager, 'install', '--frozen-lockfile', '--config.confirmModulesPurge=false'],
    { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' },
  );
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : `exit code ${status}`;
}

/** Installs the workspace, unless what is there is what the manifests and the lockfile ask for. False if that fails. */
async function bringUpToDate() {
  if (isInstalled(workspaceHash())) return true;
  await takeLock();
  try {
    const hash = workspaceHash();
    if (isInstalled(hash)) return true;
    const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    say(`Installing the workspace with ${packageManager}: this is the first run, or a manifest has changed.`);
    const started = performance.now();
    rmSync(stampPath, { force: true });
    const problem = install(packageManager);
    if (problem !== undefined) {
      say(`The install failed (${problem}); what it said is above. It needs the network, once.`);
      return false;
    }
    writeFileSync(stampPath, hash);
    say(`Workspace installed in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
    return true;
  } finally {
    rmSync(lockPath, { force: true });
  }
}

/** Linux' Vulkan loader complains on stderr where there is no private runtime folder, as in containers. */
function jobEnvironment() {
  if (process.platform !== 'linux' || process.env.XDG_RUNTIME_DIR !== undefined) return process.env;
  const folder = join(root, '.cache/runtime');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return { ...process.env, XDG_RUNTIME_DIR: folder };
}

/** Runs the job; its exit code, or the signal that ended it, becomes this process' own. */
function runJob(args) {
  const child = spawn(nodePath, args, { cwd: root, env: jobEnvironment(), stdio: 'inherit' });
  process.on('SIGINT', () => {}); // A terminal sends it to the child too.
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', (error) => {
    say(`Could not start ${nodePath}: ${error.message}. Delete node_modules and run this again.`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}

const [job, ...rest] = process.argv.slice(2);
if (!Object.hasOwn(jobs, job ?? '')) {
  say(`Usage: node tooling/run.mjs JOB [-- ARGS]\nJobs: ${Object.keys(jobs).join(', ')}`);
  process.exit(2);
}
if (!(await bringUpToDate())) process.exit(1);
runJob([...jobs[job], ...(rest[0] === '--' ? rest.slice(1) : rest)]);
