import { averageChannels, repeatChannels } from '../channel-groups/index.ts';
import { conformanceCase, normal, type ConformanceCase } from './case.ts';
import { at, build } from './reference.ts';

const sizes = [
  { name: 'one channel of one', shape: [1, 1], channels: 1 },
  { name: 'primes', shape: [2, 3, 35], channels: 5 },
  { name: 'groups of 4', shape: [2, 5, 1, 12], channels: 3 },
  { name: 'one group', shape: [7, 6], channels: 1 },
];

export const channelGroupCases: readonly ConformanceCase[] = sizes.flatMap(({ name, shape, channels }) => {
  const group = shape.at(-1)! / channels;
  const few = [...shape.slice(0, -1), channels];
  return [
    conformanceCase({
      op: 'averageChannels',
      name,
      inputs: { x: normal(shape) },
      run: ({ x }) => ({ y: averageChannels(x, channels) }),
      reference: ({ x }) => ({
        y: build(few, (...index) => {
          const channel = index.pop()!;
          let sum = 0;
          for (let i = 0; i < group; i++) sum += at(x, ...index, channel * group + i);
          return sum / group;
        }),
      }),
    }),
    conformanceCase({
      op: 'repeatChannels',
      name,
      inputs: { x: normal(few) },
      run: ({ x }) => ({ y: repeatChannels(x, shape.at(-1)!) }),
      reference: ({ x }) => ({
        y: build(shape, (...index) => at(x, ...index.slice(0, -1), Math.floor(index.at(-1)! / group))),
      }),
    }),
  ];
});
