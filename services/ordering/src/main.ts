import { runService } from '@weft/chassis/service';
import { build } from './build.ts';
import { migrations } from './migrations/index.ts';
import type { Tables } from './tables.ts';

await runService<Tables>({ name: 'ordering', migrations, build });
