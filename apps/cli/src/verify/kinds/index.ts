import { KNOWN_MODEL_TYPES } from '@latte-flow/vlm';

import type { Fixture } from '../discover.ts';
import type { FixtureReport } from '../report.ts';
import { checkCouplings } from './couplings.ts';
import { checkDcAutoencoder } from './dc-autoencoder.ts';
import { checkGuidance } from './guidance.ts';
import { checkLatteFlow } from './latte-flow.ts';
import { checkOdeReference } from './ode-reference.ts';
import { checkPaths } from './paths.ts';
import { checkResize } from './resize.ts';
import { checkScheduleHelpers } from './schedule-helpers.ts';
import { checkSit } from './sit.ts';
import { checkTimeDensities } from './time-densities.ts';
import { checkTrajectory } from './trajectory.ts';
import { checkVlmToStream } from './vlm-to-stream.ts';
import { checkVlm } from './vlm.ts';

/** Checks all quantities of a fixture of one kind; what it throws fails the fixture as a whole. */
export type FixtureCheck = (fixture: Fixture, report: FixtureReport) => Promise<void>;

/** The kinds of fixture that can be checked. */
export const fixtureKinds: ReadonlyMap<string, FixtureCheck> = new Map<string, FixtureCheck>([
  ['latte_flow', checkLatteFlow],
  ['vlm_to_stream', checkVlmToStream],
  ...KNOWN_MODEL_TYPES.map((modelType) => [modelType, checkVlm] as const),
  ['AutoencoderDC', checkDcAutoencoder],
  ['resize', checkResize],
  ['trajectory', checkTrajectory],
  ['schedule_helpers', checkScheduleHelpers],
  ['guidance', checkGuidance],
  ['time_densities', checkTimeDensities],
  ['paths', checkPaths],
  ['couplings', checkCouplings],
  ['sit', checkSit],
  ['ode_reference', checkOdeReference],
]);
