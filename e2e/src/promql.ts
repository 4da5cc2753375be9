/** What a Prometheus scrape holds: the labels that each metric has on any of its series. */
export type Scraped = ReadonlyMap<string, ReadonlySet<string>>;

/** Reads Prometheus's text format; several scrapes become one. A histogram is known by its three series. */
export function readScrapes(texts: readonly string[]): Scraped {
  const metrics = new Map<string, Set<string>>();
  for (const line of texts.join('\n').split('\n')) {
    const [, name, labels = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+/.exec(line) ?? [];
    if (name === undefined) continue;
    const known = metrics.get(name) ?? new Set();
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label);
    metrics.set(name, known);
  }
  return metrics;
}

/** What every scraped series has besides, and what Prometheus makes by itself. */
const ofTheScraper = new Set(['job', 'instance']);
const synthetic: Scraped = new Map([['up', new Set<string>()]]);
const words = new Set([
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'and',
  'or',
  'unless',
  'bool',
]);

/**
 * What is wrong with a PromQL expression, given the metrics that there are: a metric that does not exist, a
 * label that it never has, a grouping by a label that none of the expression's metrics has.
 */
export function faultsOf(expression: string, scraped: Scraped): string[] {
  const text = expression.replaceAll(/"[^"]*"/g, '""').replaceAll(/\[[^\]]*\]/g, '');
  const faults: string[] = [];
  const labels = new Set<string>([...ofTheScraper, 'le']);
  const grouped = [...text.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(',').map((label) => label.trim()),
  );
  const plain = text.replaceAll(/\b(?:by|without|on|ignoring)\s*\([^)]*\)/g, ' ');
  for (const [, name = '', matchers = '', call = ''] of plain.matchAll(
    /\b([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?\s*(\()?/g,
  )) {
    if (call !== '' || words.has(name)) continue;
    const known = scraped.get(name) ?? synthetic.get(name);
    if (known === undefined) faults.push(`there is no metric ${name}`);
    for (const label of known ?? []) labels.add(label);
    for (const [, label = ''] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g))
      if (known !== undefined && !known.has(label) && !ofTheScraper.has(label))
        faults.push(`${name} has no label ${label}`);
  }
  for (const label of grouped) if (!labels.has(label)) faults.push(`nothing has the label ${label}`);
  return faults;
}
