import { runService } from '@weft/chassis/service';
import { build } from './build.ts';
import { config } from './config.ts';
import { migrations } from './migrations/index.ts';
import type { Tables } from './tables.ts';

await runService<Tables, typeof config>({ name: 'identity', config, migrations, build });
