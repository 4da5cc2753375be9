import { runTool } from './fail.ts';
import { saga } from './saga/command.ts';

// ./weft saga list|show|parked|redrive|audit

const usage = `./weft saga <command>: ./weft saga --help lists them
`;

await runTool(async () => {
  const [group, ...rest] = process.argv.slice(2);
  if (group === 'saga') process.exitCode = await saga(rest);
  else {
    process[group === '--help' || group === '-h' ? 'stdout' : 'stderr'].write(usage);
    process.exitCode = group === '--help' || group === '-h' ? 0 : 2;
  }
});
