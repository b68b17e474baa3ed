export { assignPairs, exactPlan } from './couplings/assignment.ts';
export {
  cosineMatcher,
  linearMatcher,
  matchPair,
  schroedingerBridgeMatcher,
  targetMatcher,
} from './couplings/conditional-matcher.ts';
export type { ConditionalMatcher, ConditionalPair, MatcherOptions } from './couplings/conditional-matcher.ts';
export { schroedingerBridgePlan, sinkhornPlan } from './couplings/sinkhorn.ts';
export type { SinkhornOptions, SinkhornPlan } from './couplings/sinkhorn.ts';
export { drawPairs, independentPlan, squaredDistances, transportCost } from './couplings/transport-plan.ts';
export type { CostMatrix, Pairs, Sizes, TransportPlan } from './couplings/transport-plan.ts';
export { exactDivergence, hutchinsonDivergence } from './likelihood/divergence.ts';
export type {
  Divergence,
  DivergenceField,
  FieldPoint,
  HutchinsonOptions,
  VectorJacobianProduct,
} from './likelihood/divergence.ts';
export { logLikelihood } from './likelihood/log-likelihood.ts';
export type { LogLikelihood, LogLikelihoodOptions } from './likelihood/log-likelihood.ts';
export { standardNormalLogDensity } from './likelihood/standard-normal.ts';
export { conversionCoefficients, convertPrediction } from './paths/conversion.ts';
export type { Conversion, Prediction } from './paths/conversion.ts';
export { cosinePath, trigFlowPath } from './paths/cosine.ts';
export type { TrigFlowOptions } from './paths/cosine.ts';
export { generalizedKl, mixTokens, tokenEulerStep, tokenVelocity } from './paths/discrete-mixture.ts';
export type { TokenPrediction, Tokens } from './paths/discrete-mixture.ts';
export { addNoise, blendInpaint } from './paths/inpaint.ts';
export type { Inpaint, NoisedTo } from './paths/inpaint.ts';
export { interpolate, targetVelocity } from './paths/interpolation.ts';
export type { PathEnds } from './paths/interpolation.ts';
export { linearPath } from './paths/linear.ts';
export type { AffineMean, Path } from './paths/path.ts';
export { polynomialPath } from './paths/polynomial.ts';
export { transformSchedule, transformVelocity } from './paths/schedule-transform.ts';
export type { PathChange, ScheduleTransform } from './paths/schedule-transform.ts';
export { sigmaOfTime, sigmasOfTimes, timeOfSigma, timesOfSigmas } from './paths/time-convention.ts';
export type { TimeConvention } from './paths/time-convention.ts';
export { linearVariancePreservingPath, variancePreservingPath } from './paths/variance-preserving.ts';
export type { VariancePreservingOptions } from './paths/variance-preserving.ts';
export { customSigmas } from './sigmas/custom.ts';
export { linearQuadraticSigmas } from './sigmas/linear-quadratic.ts';
export type { LinearQuadraticOptions } from './sigmas/linear-quadratic.ts';
export { calculateShift, cogView4Shift, flux2Shift } from './sigmas/resolution-shift.ts';
export type { ResolutionShift } from './sigmas/resolution-shift.ts';
export { shiftSigmas, shiftSigmasByMu } from './sigmas/shift.ts';
export type { DynamicShift, TimeShift } from './sigmas/shift.ts';
export { betaSigmas, exponentialSigmas, karrasSigmas } from './sigmas/spacing.ts';
export type { SpacingEnds } from './sigmas/spacing.ts';
export { startOfStrength } from './sigmas/strength.ts';
export { stretchToTerminal } from './sigmas/terminal-stretch.ts';
export { uniformSigmas } from './sigmas/uniform.ts';
export { ancestralEuler } from './solvers/ancestral-euler.ts';
export type { AncestralEulerOptions } from './solvers/ancestral-euler.ts';
export type { Arithmetic } from './solvers/arithmetic.ts';
export type { Churn } from './solvers/churn.ts';
export type { DiffusionForm } from './solvers/diffusion-form.ts';
export type { IntegrateOptions, Solution, VelocityField } from './solvers/drive.ts';
export { bosh3 } from './solvers/bosh3.ts';
export { deis } from './solvers/deis.ts';
export type { DeisOptions } from './solvers/deis.ts';
export { dop853 } from './solvers/dop853.ts';
export { dopri5 } from './solvers/dopri5.ts';
export { dpmSolverMultistep } from './solvers/dpm-solver-multistep.ts';
export type { DpmSolverMultistepOptions } from './solvers/dpm-solver-multistep.ts';
export { dpmSolverSinglestep, singlestepOrders } from './solvers/dpm-solver-singlestep.ts';
export type { DpmSolverSinglestepOptions } from './solvers/dpm-solver-singlestep.ts';
export { embeddedRungeKutta } from './solvers/embedded-runge-kutta.ts';
export type { AdaptiveOptions, EmbeddedOptions, EmbeddedTableau } from './solvers/embedded-runge-kutta.ts';
export { euler } from './solvers/euler.ts';
export type { Tolerance } from './solvers/arithmetic.ts';
export { floatArrays } from './solvers/float-arrays.ts';
export type { FloatArray } from './solvers/float-arrays.ts';
export { flowMapEuler } from './solvers/flow-map-euler.ts';
export { heun } from './solvers/heun.ts';
export type { HeunOptions } from './solvers/heun.ts';
export { integrate } from './solvers/integrate.ts';
export { lcm } from './solvers/lcm.ts';
export { marginalPreservingSde } from './solvers/marginal-preserving-sde.ts';
export type { MarginalPreservingSdeOptions } from './solvers/marginal-preserving-sde.ts';
export { midpoint } from './solvers/midpoint.ts';
export { rk4 } from './solvers/rk4.ts';
export { rk4ThreeEighths } from './solvers/rk4-three-eighths.ts';
export { solverByName, solverNames } from './solvers/registry.ts';
export type { SolverName } from './solvers/registry.ts';
export { explicitRungeKutta } from './solvers/runge-kutta.ts';
export type { Tableau } from './solvers/runge-kutta.ts';
export { saSolver } from './solvers/sa-solver.ts';
export type { SASolverOptions } from './solvers/sa-solver.ts';
export { scm } from './solvers/scm.ts';
export type { ScmOptions } from './solvers/scm.ts';
export type { Grid, GridOption } from './solvers/grid.ts';
export { stepOf } from './solvers/solver.ts';
export type { Combination, Instruction, Memory, Solver, Step, Verdict } from './solvers/solver.ts';
export { stepperOf } from './solvers/stepper.ts';
export type { Evaluation, NoiseSource, Slots, SolverState, Stepper } from './solvers/stepper.ts';
export { transitionLogProbability } from './solvers/transition-log-probability.ts';
export type { Transition } from './solvers/transition-log-probability.ts';
export { uniPC } from './solvers/uni-pc.ts';
export type { UniPCOptions } from './solvers/uni-pc.ts';
export { adaptiveProjectedGuidance } from './guidance/adaptive-projected.ts';
export type { AdaptiveProjectedOptions } from './guidance/adaptive-projected.ts';
export type { GuidanceArithmetic } from './guidance/arithmetic.ts';
export { autoguidance } from './guidance/autoguidance.ts';
export { cfgZeroStarGuidance } from './guidance/cfg-zero-star.ts';
export type { CfgZeroStarOptions } from './guidance/cfg-zero-star.ts';
export { classifierFreeGuidance } from './guidance/classifier-free.ts';
export type { FormOptions, GuidanceForm } from './guidance/contrast.ts';
export { guide, guideWithState } from './guidance/guide.ts';
export type { GuideOptions } from './guidance/guide.ts';
export { branchesAt } from './guidance/guidance.ts';
export type { Branch, Guidance, GuidanceContext, GuidancePoint, Guided, Velocities } from './guidance/guidance.ts';
export { guidanceInterval } from './guidance/interval.ts';
export type { GuidanceRange, IntervalOptions } from './guidance/interval.ts';
export { magnitudeAwareGuidance } from './guidance/magnitude-aware.ts';
export type { MagnitudeAwareOptions } from './guidance/magnitude-aware.ts';
export { normLimitedGuidance, normPreservingGuidance } from './guidance/normalise.ts';
export { perturbedGuidance } from './guidance/perturbed.ts';
export type { PerturbedOptions } from './guidance/perturbed.ts';
export { rescaledGuidance } from './guidance/rescale.ts';
export { tangentialGuidance } from './guidance/tangential.ts';
export { logitNormalDensity } from './training/logit-normal.ts';
export type { LogitNormalOptions } from './training/logit-normal.ts';
export { drawTimes, restrictDensity } from './training/time-density.ts';
export type { DrawOptions, Interval, TimeDensity } from './training/time-density.ts';
export { uniformDensity } from './training/uniform-density.ts';
