import type { Command } from 'commander';

import type { CommandContext } from '../terminal.ts';
import { benchCommand } from './bench.ts';
import { convertCommand } from './convert.ts';
import { decodeCommand } from './decode.ts';
import { describeCommand } from './describe.ts';
import { encodeCommand } from './encode.ts';
import { generateCommand } from './generate.ts';
import { inspectCommand } from './inspect.ts';
import { trainCommand } from './train.ts';
import { tuneCommand } from './tune.ts';
import { verifyCommand } from './verify.ts';

/** The subcommands of `latte`, in the order of its help. */
export const commands: readonly ((context: CommandContext) => Command)[] = [
  generateCommand,
  describeCommand,
  encodeCommand,
  decodeCommand,
  trainCommand,
  inspectCommand,
  convertCommand,
  verifyCommand,
  benchCommand,
  tuneCommand,
];
