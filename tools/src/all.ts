/**
 * Like Promise.all, but waits for each to end: when it throws, nothing goes on behind the caller's back.
 * Several errors become one, with each message.
 */
export async function all<const T extends readonly Promise<unknown>[]>(
  promises: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const results = await Promise.allSettled(promises);
  const errors = results
    .filter((result) => result.status === 'rejected')
    .map(({ reason }) => reason as unknown);
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1)
    throw new AggregateError(errors, errors.map((e) => (e as Error).message).join('\n\n'));
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as Awaited<
    ReturnType<typeof all<T>>
  >;
}
