import { env, loadConfig } from '@weft/chassis/config';
import { runTool } from '@weft/tools/fail';
import { report } from './report.ts';
import { runChaos } from './run.ts';

// make chaos MINUTES=10 SEED=42 RATE=20

await runTool(async () => {
  if (process.platform !== 'linux')
    throw new Error('chaos needs Linux: its network cuts are between two loopback addresses');
  const { minutes, seed, rate } = loadConfig({
    minutes: env.integer('MINUTES', { default: 10, min: 1, max: 1_440 }),
    seed: env.integer('SEED', { default: Math.floor(Math.random() * 1_000_000), min: 0, max: 2 ** 31 - 1 }),
    rate: env.integer('RATE', { default: 20, min: 1, max: 500 }),
  });
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const again = `make chaos MINUTES=${minutes} SEED=${seed} RATE=${rate}`;
  say(`${again}: starting a system of its own`);
  const result = await runChaos({
    seed,
    seconds: minutes * 60,
    rate,
    tell: ({ atMs, what }) => say(`${(atMs / 1000).toFixed(1).padStart(7)} s  ${what}`),
    without: (leftOut) => {
      for (const { kinds, why } of leftOut) say(`left out: ${kinds.join(', ')}: ${why}`);
    },
  });
  for (const line of report(result, again)) say(line);
  if (result.violations.length > 0) process.exitCode = 1;
});
