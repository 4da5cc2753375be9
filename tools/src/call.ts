import { callStream, errorJson, findMethod } from './grpc-call.ts';
import { identityFiles } from './certificates.ts';
import { runTool } from './fail.ts';
import { weftFolder } from './paths.ts';
import { Records } from './records.ts';
import { services } from './workloads.ts';
import type { ServiceError } from '@grpc/grpc-js';

// make call METHOD=package.Service/Method [DATA='{…}'] [TOKEN=…] [SERVICE=…]

await runTool(async () => {
  const { METHOD = '', DATA, TOKEN, SERVICE } = process.env;
  if (METHOD === '') throw new Error("METHOD is missing: make call METHOD=package.Service/Method DATA='{…}'");
  const owner = SERVICE ?? findMethod(METHOD).servedBy ?? 'catalog';
  const names = services.map(({ name }) => name as string);
  if (!names.includes(owner)) throw new Error(`SERVICE is ${owner}, not one of ${names.join(', ')}`);
  const port = new Records(weftFolder).get(owner)?.ports[1];
  if (port === undefined) throw new Error(`${owner} does not run: make up starts it`);
  const identity = identityFiles(weftFolder, 'operator');
  try {
    const call = { port, identity, method: METHOD, request: parse(DATA), token: TOKEN };
    for await (const answer of callStream(call)) process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  } catch (error) {
    if (!isGrpcError(error)) throw error;
    process.stderr.write(`${JSON.stringify(errorJson(error), null, 2)}\n`);
    process.exitCode = 1;
  }
});

function parse(data: string | undefined): unknown {
  try {
    return JSON.parse(data === undefined || data === '' ? '{}' : data);
  } catch (error) {
    throw new Error(`DATA is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function isGrpcError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'metadata' in error;
}
