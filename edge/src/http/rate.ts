const units = { s: 1, min: 60, h: 3_600, day: 86_400 } as const;
type Unit = keyof typeof units;

/** So many requests in a window that begins with the first of them. */
export interface Rate {
  readonly requests: number;
  readonly unit: Unit;
  readonly seconds: number;
}

/** A rate of one route (`POST /v1/sessions`, as `--print-routes` lists it) or RPC (`pkg.Service/Method`). */
export interface RouteRate {
  readonly route: string;
  readonly rate: Rate;
}

/** Reads `100/s`, `5/min`, `1000/h` or `10000/day`. Throws what is wrong with it. */
export function parseRate(text: string): Rate {
  const [, count, unit] = /^([1-9]\d{0,8})\/(s|min|h|day)$/.exec(text) ?? [];
  if (count === undefined || unit === undefined)
    throw new Error(`has ${text}, which is no rate like 100/s, 5/min, 1000/h or 10000/day`);
  return { requests: Number(count), unit: unit as Unit, seconds: units[unit as Unit] };
}

/** Reads `POST /v1/sessions=5/min` or `pkg.Service/Method=5/min`. Throws what is wrong with it. */
export function parseRouteRate(text: string): RouteRate {
  const mark = text.lastIndexOf('=');
  const route = text.slice(0, Math.max(mark, 0)).trim().replace(/ +/, ' ');
  if (!/^(?:\S+ \/\S*|[\w.]+\/\w+)$/.test(route))
    throw new Error(
      `has ${text}, which is no limit like POST /v1/sessions=5/min or pkg.Service/Method=5/min`,
    );
  return { route, rate: parseRate(text.slice(mark + 1).trim()) };
}
