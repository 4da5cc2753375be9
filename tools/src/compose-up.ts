import { join } from 'node:path';
import pc from 'picocolors';
import spawn from 'nano-spawn';
import { env, loadConfig } from '@weft/chassis/config';
import { compose, composeShop, projectName, recordComposeShop } from './compose/project.ts';
import { dockerAnswers } from './docker.ts';
import { runTool } from './fail.ts';
import { releaseLockAtExit } from './lock.ts';
import { root, weftFolder as folder } from './paths.ts';
import { readManifest } from './polyrepo/packages.ts';
import { Records } from './records.ts';
import type { AdminLogin } from './secrets.ts';
import { openShop } from './shop.ts';
import { Steps } from './steps.ts';

// make up DOCKER=1: the images, and the shop of deploy/compose.yaml. Run again, it replaces what changed.

const waitSeconds = 300;
const readLogin =
  "const read = (name) => fs.readFileSync('/secrets/weft-secrets/' + name, 'utf8');" +
  "console.log(JSON.stringify({ email: read('email'), password: read('password') }))";

releaseLockAtExit();
await runTool(async () => {
  const { port, observability } = loadConfig({
    port: env.integer('EDGE_PORT', { default: 8080, min: 1, max: 65_535 }),
    observability: env.oneOf('OBSERVABILITY', ['0', '1'], { default: '0' }),
  });
  const seeing = observability === '1';
  if (!(await dockerAnswers())) throw new Error('no Docker engine answers: start one, or leave out DOCKER=1');
  await spawn('docker', ['compose', 'version']).catch(() => {
    throw new Error('docker has no `compose`, version 2: https://docs.docker.com/compose/install/');
  });
  if (new Records(folder).all().length > 0)
    throw new Error('the shop runs as processes: make down ends it, then this can follow');
  const steps = new Steps();
  const { version } = readManifest(join(root, 'chassis'));
  const project = composeShop(folder)?.project ?? projectName(folder);
  const inherited = {
    VERSION: version,
    EDGE_PORT: String(port),
    ...(seeing
      ? { COMPOSE_PROFILES: 'observability', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
      : {}),
  };
  await steps.run('images', () => spawn('sh', ['deploy/docker/images.sh'], { cwd: root, env: inherited }));
  // On record before anything runs, so that `make down` ends what a failure leaves.
  const url = `http://127.0.0.1:${port}`;
  const shop = { project, url, admin: { email: '', password: '' } };
  recordComposeShop(folder, shop);
  await steps.run('containers', () =>
    compose(
      project,
      ['up', '--detach', '--wait', `--wait-timeout=${waitSeconds}`, '--remove-orphans'],
      inherited,
    ),
  );
  const login = await compose(project, ['exec', '-T', 'secrets', 'node', '-e', readLogin], inherited);
  const admin = JSON.parse(login) as AdminLogin;
  recordComposeShop(folder, { ...shop, admin });
  await openShop(url, { admin, folder, steps });
  process.stdout.write(`
${pc.bold('The shop is open:')} ${url.replace('127.0.0.1', 'localhost')}/v1/products

  admin      ${admin.email}  ${admin.password}
${seeing ? '  Grafana    http://localhost:3000    Prometheus http://localhost:9091    traces http://localhost:16686\n' : ''}
Try next
  make demo    an order from sign-up to CONFIRMED, and what happens when it cannot be
  make down    ends it; its data stay in volumes, until make clean
`);
});
