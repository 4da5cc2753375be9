import type { Limits } from '../../limits.ts';

/** Small, so that inputs meet them; but so many requests at once that none is shed. */
export const fuzzLimits: Partial<Limits> = {
  requestBytes: 16 * 1024,
  decompressedBytes: 64 * 1024,
  urlBytes: 2_048,
  headerBytes: 8 * 1024,
  jsonDepth: 30,
  jsonValues: 500,
  concurrentRequests: 10_000,
  slowClientMs: 2_000,
};
