const mostRemembered = 1_000;
const longest = 255;
const remembered = new Map<string, string>();

/**
 * What a statement does, to which tables: `INSERT reservation SELECT stock`. OpenTelemetry's `db.query.summary`,
 * and the name of the statement's span. Names of tables are those after FROM, JOIN, INTO and UPDATE.
 */
export function querySummary(sql: string): string {
  let summary = remembered.get(sql);
  if (summary !== undefined) return summary;
  summary = summarize(sql);
  // Statements are few, as they hold no values; a list of placeholders may have any length.
  if (remembered.size >= mostRemembered) remembered.clear();
  remembered.set(sql, summary);
  return summary;
}

/** The verb that a statement begins with. */
export function verbOf(sql: string): string {
  return (/^\s*\(?\s*([a-z]+)/i.exec(sql)?.[1] ?? 'statement').toUpperCase();
}

function summarize(sql: string): string {
  const parts: string[] = [];
  // Locks are no updates: FOR UPDATE, and ON DUPLICATE KEY UPDATE belongs to its INSERT.
  const text = sql.replace(/\b(?:for|key)\s+update\b/gi, '');
  const words = /\b(select|insert|update|delete)\b|\b(?:from|join|into)\s+`?([a-z_]\w*)/gi;
  for (const { 1: verb, 2: table, index } of text.matchAll(words)) {
    const part = table ?? verb?.toUpperCase() ?? '';
    if (!parts.includes(part)) parts.push(part);
    const updated = /^update\s+`?([a-z_]\w*)/i.exec(text.slice(index))?.[1];
    if (updated !== undefined && !parts.includes(updated)) parts.push(updated);
  }
  return (parts.length === 0 ? verbOf(sql) : parts.join(' ')).slice(0, longest);
}
