import { runService } from '@weft/chassis/service';
import { ordering } from './service.ts';

await runService(ordering);
