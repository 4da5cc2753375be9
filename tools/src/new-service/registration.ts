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

function insertAfterLast(text: string, lines: RegExp, line: (like: string) => string): string {
  const last = [...text.matchAll(lines)].at(-1);
  if (last === undefined) throw new Error(`nothing is listed as ${lines.source}`);
  const end = last.index + last[0].length;
  return text.slice(0, end) + line(last[0]) + text.slice(end);
}
