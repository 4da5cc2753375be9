import { runService } from '@weft/chassis/service';
import { workshop } from './service.ts';

await runService(workshop);
