import { runService } from '@weft/chassis/service';
import { identity } from './service.ts';

await runService(identity);
