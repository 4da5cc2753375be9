import { isMap, isScalar, parseDocument, type Pair } from 'yaml';

/**
 * The values that no comment above them explains, as paths. A setting of a workload is explained once: in the
 * defaults, or at the first workload that has it.
 */
export function undocumentedValues(values: string): readonly string[] {
  const lines = values.split('\n');
  const missing: string[] = [];
  const explained = new Set<string>();
  const look = (pairs: readonly Pair[], path: readonly string[]): void => {
    for (const { key, value } of pairs) {
      if (!isScalar(key)) continue;
      const own = [...path, String(key.value)];
      const setting = own.join('.').replace(/^(defaults|services\.[^.]+)\./, 'workload.');
      const line = values.slice(0, key.range?.[0]).split('\n').length - 1;
      if (lines[line - 1]?.trim().startsWith('#') === true) explained.add(setting);
      if (isMap(value) && value.flow !== true && !leaves.has(own.at(-1) ?? '')) look(value.items, own);
      else if (!explained.has(setting)) missing.push(own.join('.'));
    }
  };
  const { contents } = parseDocument(values);
  if (isMap(contents)) look(contents.items, []);
  return missing;
}

/** Maps whose form is that of Kubernetes, and whose entries need no word of ours. */
const leaves = new Set(['resources']);
