import { runService } from '@weft/chassis/service';
import { catalog } from './service.ts';

await runService(catalog);
