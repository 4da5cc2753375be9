import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A method as the text of its contract has it, read without any of our own code. */
export interface RuleText {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly servedBy: string;
  readonly streams: boolean;
  readonly access: {
    readonly public: boolean;
    readonly user: boolean;
    readonly roles: readonly string[];
    readonly services: readonly string[];
  };
  /** Its REST routes: `GET /v1/products/{id}`. */
  readonly routes: readonly string[];
}

/** Every method of the shop's contracts. */
export function rulesOfTheShop(): RuleText[] {
  const folder = fileURLToPath(new URL('../shop/', import.meta.resolve('@weft/proto/descriptors.binpb')));
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.proto'))
    .flatMap((file) => rulesOf(readFileSync(join(folder, file), 'utf8')));
}

function rulesOf(text: string): RuleText[] {
  const code = text.replaceAll(/\/\/.*$/gm, '');
  const [, name = ''] = /^package ([\w.]+);/m.exec(code) ?? [];
  return [...code.matchAll(/^service (\w+) \{([\s\S]*?)^\}/gm)].flatMap(([, service = '', body = '']) => {
    const [, servedBy = ''] = /served_by\) = "(\w+)"/.exec(body) ?? [];
    return body
      .split(/^ {2}rpc /m)
      .slice(1)
      .map((rpc) => {
        const [, access = ''] = /weft\.v1\.access\) = \{([^}]*)\}/.exec(rpc) ?? [];
        const all = (key: string) =>
          [...access.matchAll(new RegExp(`${key}: "(\\w+)"`, 'g'))].map((m) => m[1] ?? '');
        return {
          path: `/${name}.${service}/${/^\w+/.exec(rpc)?.[0] ?? ''}`,
          servedBy,
          streams: /returns \(stream /.test(rpc),
          access: {
            public: /public: true/.test(access),
            user: /user: true/.test(access),
            roles: all('roles'),
            services: all('services'),
          },
          routes: [...rpc.matchAll(/\b(get|post|put|patch|delete): "([^"]+)"/g)].map(
            ([, method = '', path = '']) => `${method.toUpperCase()} ${path}`,
          ),
        };
      });
  });
}

/** What the rule makes of a caller: the reason of the refusal, or `allowed`. Deny by default. */
export function verdict(
  { access }: RuleText,
  caller: { readonly workload: string; readonly roles: readonly string[] | undefined },
): string {
  if (access.public) return 'allowed';
  if (access.user) return caller.roles === undefined ? 'TOKEN_REQUIRED' : 'allowed';
  if (access.roles.length > 0) {
    if (caller.roles === undefined) return 'TOKEN_REQUIRED';
    return access.roles.some((role) => caller.roles?.includes(role) === true) ? 'allowed' : 'ROLE_REQUIRED';
  }
  if (access.services.length > 0)
    return access.services.includes(caller.workload) ? 'allowed' : 'CALLER_NOT_ALLOWED';
  return 'ACCESS_DENIED';
}
