/** The change of one file's text; `domain` is the service's file of pure rules. */
type Change = (text: string, service: string, domain: string) => string;

/** The places that list services. */
export const registrations: Readonly<Record<string, Change>> = {
  'tsconfig.json': withReference,
  '.oxlintrc.json': withLintRule,
  'tools/src/workloads.ts': withWorkload,
  'proto/shop/identity/v1/session.proto': withRevocations,
  'docker-bake.hcl': withImage,
  'deploy/helm/weft/values.yaml': withRelease,
  'deploy/compose.yaml': withContainer,
  'deploy/compose/prometheus.yaml': withScrape,
};

/** The root's `tsc -b` builds it. */
export function withReference(text: string, service: string): string {
  return insertAfterLast(text, /^ *\{ "path": "services\/\w+" \},\n/gm, (line) =>
    line.replace(/services\/\w+/, `services/${service}`),
  );
}

/** No package imports it, and its domain imports neither the database nor the wire. */
export function withLintRule(text: string, service: string, domain: string): string {
  const known = /"@weft\/ordering\*"/g;
  if (!known.test(text)) throw new Error('.oxlintrc.json names no services as it used to');
  const pure = /^ *"services\/\w+\/src\/[a-z-]+\.ts",?\n/gm;
  const withDomain = insertAfterLast(text, pure, (line) =>
    line.replace(/services\/[^"]*/, `services/${service}/src/${domain}.ts`).replace(/,?\n/, '\n'),
  );
  return withDomain
    .replace(/(\/src\/[a-z-]+\.ts")\n( *"services)/, '$1,\n$2')
    .replace(known, (name) => `${name}, "@weft/${service}*"`);
}

/** `make up` starts it, on the first two ports that no other has. */
export function withWorkload(text: string, service: string): string {
  const line = /^ {2}(\w+): \{ port: (\d+), adminPort: (\d+) \},\n/gm;
  const used = new Set(
    [...text.matchAll(line)].flatMap(([, , port, admin]) => [Number(port), Number(admin)]),
  );
  let port = 50_051;
  let adminPort = 9051;
  while (used.has(port) || used.has(adminPort)) {
    port += 1;
    adminPort += 1;
  }
  const services = /^ {2}(?!edge)\w+: \{ port: \d+, adminPort: \d+ \},\n/gm;
  return insertAfterLast(text, services, () => `  ${service}: { port: ${port}, adminPort: ${adminPort} },\n`);
}

/** It hears which sessions were ended, as all do that verify tokens. */
export function withRevocations(text: string, service: string): string {
  return insertAfterLast(text, /^ {6}services: "(?!edge")\w+"\n/gm, () => `      services: "${service}"\n`);
}

/** `make images` builds its image. */
export function withImage(text: string, service: string): string {
  return insertAfterLast(text, /^ +\{ name = "\w+", dockerfile = "services\/.*\n/gm, (line) =>
    line.replace(/"\w+", dockerfile = "services\/\w+/, `"${service}", dockerfile = "services/${service}`),
  );
}

/** The chart runs it, called by the edge; it asks identity for keys and ended sessions. */
export function withRelease(text: string, service: string): string {
  const edge = /^ {2}edge:\n {4}kind: http\n {4}calls: \[.*(?=\])/m;
  if (!edge.test(text)) throw new Error('values.yaml lists no edge as it used to');
  const own = `  ${service}:\n    kind: grpc\n    calls: [identity]\n    database: true\n`;
  return text.replace(edge, (found) => `${own}${found}, ${service}`);
}

/** `make up DOCKER=1` runs it, with a volume for its identity; the edge waits for it. */
export function withContainer(text: string, service: string): string {
  const like = /^ {2}(\w+):\n(?: {4}.*\n)+\n(?= {2}edge:\n)/m.exec(text);
  const [block, name] = like ?? [];
  if (block === undefined || name === undefined)
    throw new Error('nothing runs before the edge in compose.yaml');
  const renamed = (found: string) => found.replaceAll(name, service);
  const lines = [`      - ${name}-tls:/secrets/weft-${name}-tls\n`, `  ${name}-tls:\n`];
  const waits = `      ${name}: { condition: service_healthy }\n`;
  return [block, ...lines, waits].reduce((changed, part) => {
    if (!changed.includes(part)) throw new Error(`compose.yaml has no ${part.trim()}`);
    return changed.replace(part, part + renamed(part));
  }, text);
}

/** Its metrics are read in the containers' system too. */
export function withScrape(text: string, service: string): string {
  return insertAfterLast(text, /^ {2}- job_name: (?!edge)\w+\n.*\n/gm, (lines) =>
    lines.replace(/(job_name: |names: \[)\w+/g, `$1${service}`),
  );
}

function insertAfterLast(text: string, lines: RegExp, line: (like: string) => string): string {
  const last = [...text.matchAll(lines)].at(-1);
  if (last === undefined) throw new Error(`nothing is listed as ${lines.source}`);
  const end = last.index + last[0].length;
  return text.slice(0, end) + line(last[0]) + text.slice(end);
}
