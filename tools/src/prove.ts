import { spawn } from 'node:child_process';
import { join } from 'node:path';
import pc from 'picocolors';
import { runTool } from './fail.ts';
import { root } from './paths.ts';
import { proofs, type Proof } from './proofs.ts';

// make prove: each proof after the other, a table of all at the end. What this machine cannot do is named
// before anything starts, and fails the whole: it is never left out in silence.

interface Outcome {
  readonly proof: Proof;
  readonly state: 'proved' | 'failed' | 'not possible here';
  readonly seconds: number;
  readonly figures: readonly string[];
}

const jest = join(root, 'node_modules/.bin/jest');
const nodeOptions = '--experimental-vm-modules --disable-warning=ExperimentalWarning';
const say = (text: string): void => void process.stdout.write(`${text}\n`);

await runTool(async () => {
  const chosen = choose(process.argv.slice(2));
  for (const proof of chosen)
    for (const need of unmet(proof)) say(pc.yellow(`not possible here: ${proof.name} (it needs ${need})`));
  const outcomes: Outcome[] = [];
  for (const proof of chosen) {
    if (unmet(proof).length === 0) outcomes.push(await prove(proof));
    else outcomes.push({ proof, state: 'not possible here', seconds: 0, figures: unmet(proof) });
  }
  table(outcomes);
  const open = outcomes.filter(({ state }) => state !== 'proved').length;
  if (open > 0) throw new Error(`${open} of ${outcomes.length} proofs are open`);
});

/** The proofs whose names have one of the words in them; all without a word. */
function choose(words: readonly string[]): readonly Proof[] {
  const chosen = proofs.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
  if (chosen.length === 0) throw new Error(`no proof has ${words.join(' or ')} in its name`);
  return chosen;
}

function unmet({ needs = [] }: Proof): string[] {
  return needs.filter((need) => !need.met()).map(({ name }) => name);
}

/** Runs a proof's test. All it says is shown as it comes. */
function prove(proof: Proof): Promise<Outcome> {
  const { file, test, env } = proof;
  say(pc.bold(`\n${proof.name}`));
  const startedAt = Date.now();
  const child = spawn(jest, ['--runInBand', file, ...(test === undefined ? [] : ['-t', test])], {
    cwd: root,
    env: { ...process.env, ...env, NODE_OPTIONS: nodeOptions },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    process.stderr.write(text);
    said += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      const figures = said.split('\n').flatMap((line) => /^figures: (.*)$/.exec(line)?.[1] ?? []);
      // A file or a test that is not there proves nothing.
      const ran = /^Tests: .*\d+ passed/m.test(said);
      const state = code === 0 && ran ? 'proved' : 'failed';
      resolve({ proof, state, seconds: (Date.now() - startedAt) / 1000, figures });
    });
  });
}

function table(outcomes: readonly Outcome[]): void {
  const width = Math.max(...outcomes.map(({ proof }) => proof.name.length));
  say('');
  for (const { proof, state, seconds, figures } of outcomes) {
    const mark = state === 'proved' ? pc.green('✓') : pc.red('✗');
    const time = state === 'not possible here' ? '' : `${seconds.toFixed(0)} s`;
    say(`${mark} ${proof.name.padEnd(width)}  ${state.padEnd(6)} ${time.padStart(6)}`);
    for (const line of figures) say(`${' '.repeat(width + 4)}${line}`);
  }
}
