import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Something that not every machine has. */
export interface Need {
  readonly name: string;
  met(): boolean;
}

/** A promise that is proved in full: a test, run with as much as the promise says. */
export interface Proof {
  readonly name: string;
  /** The test's file. It says its figures in lines that begin with `figures: `, on stderr. */
  readonly file: string;
  /** One test of the file alone, by its name. */
  readonly test?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly needs?: readonly Need[];
}

const linux: Need = {
  name: 'Linux, root and iproute2, for a network namespace',
  met: () => process.platform === 'linux' && process.getuid?.() === 0 && mayMakeNamespace(),
};

function mayMakeNamespace(): boolean {
  const name = `weft-need-${process.pid}`;
  const ip = (verb: string): boolean =>
    spawnSync('ip', ['netns', verb, name], { stdio: 'ignore' }).status === 0;
  return ip('add') && ip('delete');
}

const smallDisk: Need = {
  name: 'Linux and the right to mount, for a disk that can be filled',
  met: () => process.platform === 'linux' && mayMount(),
};

function mayMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'weft-need-'));
  const run = (command: string, ...args: string[]): boolean =>
    spawnSync(command, args, { stdio: 'ignore' }).status === 0;
  try {
    return run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder) && run('umount', folder);
  } finally {
    rmdirSync(folder);
  }
}

const images: Need = {
  name: 'root, runc, and the images that `make images` leaves where no Docker engine is',
  met: () =>
    process.getuid?.() === 0 &&
    spawnSync('runc', ['--version'], { stdio: 'ignore' }).status === 0 &&
    existsSync(join(process.env['IMAGES_FOLDER'] ?? '.weft/images', 'tools.tar')),
};

const docker: Need = {
  name: 'a Docker engine and docker compose',
  met: () =>
    [['info'], ['compose', 'version']].every(
      (args) => spawnSync('docker', args, { stdio: 'ignore' }).status === 0,
    ),
};

const full = { PROVE: '1' };

const rotation = { ROTATIONS: '12', ROTATE_EVERY_MS: '5000' };

/** Every promise that `make test` shows with smaller numbers, or not at all. A new one is one line. */
export const proofs: readonly Proof[] = [
  { name: 'edge: a million inputs', file: 'edge/src/fuzz.test.ts', env: { FUZZ_RUNS: '1000000' } },
  { name: 'edge: 1,000 streams at once', file: 'edge/src/thousand-streams.test.ts' },
  { name: 'edge: 10 to 10,000 routes', file: 'edge/src/routing/routing.test.ts', test: 'among 10,000' },
  {
    name: 'walk-through of a new service',
    file: 'tools/src/new-service/walk-through.test.ts',
    env: { WALK_THROUGH: 'whole' },
  },
  {
    name: 'polyrepo: each package by itself',
    file: 'tools/src/polyrepo/polyrepo.test.ts',
    env: { POLYREPO: 'whole' },
  },
  {
    name: 'compose: the shop in containers',
    file: 'tools/src/compose/whole.test.ts',
    env: { COMPOSE: 'whole' },
    needs: [docker],
  },
  {
    name: 'discovery: etcd killed, frozen, emptied',
    file: 'chassis/src/discovery/outage.test.ts',
    env: full,
  },
  {
    name: 'discovery: three nodes, a frozen service',
    file: 'chassis/src/discovery/cluster.test.ts',
    env: full,
  },
  {
    name: 'discovery: the network cut for 90 s',
    file: 'chassis/src/discovery/network.test.ts',
    env: full,
    needs: [linux],
  },
  { name: 'discovery: how fast it is known', file: 'chassis/src/discovery/speed.test.ts', env: full },
  {
    name: 'identity: certificates rotate every 5 s',
    file: 'chassis/src/server/rotation.test.ts',
    test: 'certificates are replaced',
    env: rotation,
  },
  {
    name: 'identity: the shop rotates every 5 s',
    file: 'e2e/src/access.test.ts',
    test: 'certificates and then',
    env: rotation,
  },
  {
    name: 'overload: three times the capacity for a minute',
    file: 'chassis/src/server/overload.test.ts',
    env: full,
  },
  { name: 'rolling restart: 20,000 requests', file: 'e2e/src/rolling-restart.test.ts', env: full },
  {
    name: 'saga: 5,000 schedules on a real database',
    file: 'chassis/src/saga/schedules.test.ts',
    env: { SCHEDULES: '5000' },
  },
  {
    name: 'saga: the whole crash matrix',
    file: 'chassis/src/saga/crash.test.ts',
    env: { CRASH_MATRIX: 'whole' },
  },
  {
    name: 'saga: 10,000 with every message 1 to 3 times, 5% of transactions killed',
    file: 'chassis/src/saga/many-sagas.test.ts',
    env: { SAGAS: '10000' },
  },
  {
    name: 'chaos: ten minutes of every kind of fault',
    file: 'e2e/src/chaos/chaos.test.ts',
    env: { CHAOS_MINUTES: '10' },
    needs: [smallDisk],
  },
  {
    name: 'data: 100,000 writes, the database killed 20 times',
    file: 'chassis/src/data/durability.test.ts',
    env: full,
  },
  { name: 'saga: a participant away for 10 minutes', file: 'chassis/src/saga/away.test.ts', env: full },
  { name: 'saga: poison among 100 sagas a second', file: 'chassis/src/saga/poison.test.ts', env: full },
  {
    name: 'images: an order, a drain',
    file: 'tools/src/images/images.test.ts',
    env: { IMAGES: 'built' },
    needs: [images],
  },
];
