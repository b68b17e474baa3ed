/** What `generate` does unless told otherwise, and what `inspect` counts the cost of. */
export const generationDefaults = { steps: 20, guidanceScale: 3, solver: 'euler', seed: 0, count: 1 } as const;
