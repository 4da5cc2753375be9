import { implement } from '@weft/chassis/server/implement';
import type { DataServiceOptions } from '@weft/chassis/service';
import { SparePartSagaServiceService } from '@weft/proto/shop/workshop/v1/saga';
import { SparePartServiceService } from '@weft/proto/shop/workshop/v1/spare_part';
import { migrations } from './migrations/index.ts';
import { sparePartArbiter, sparePartSagaService } from './spare-part-saga-service.ts';
import { sparePartService } from './spare-part-service.ts';
import type { Tables } from './tables.ts';

/** The service, as the chassis runs it. */
export const workshop: DataServiceOptions<Tables, Record<never, never>> = {
  name: 'workshop',
  migrations,
  build({ database, saga }) {
    const arbiter = sparePartArbiter(saga);
    return {
      services: [
        implement(SparePartServiceService, sparePartService(database, arbiter)),
        implement(SparePartSagaServiceService, sparePartSagaService(saga, arbiter)),
      ],
    };
  },
};
