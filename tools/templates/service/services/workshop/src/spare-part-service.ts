import type { Database } from '@weft/chassis/data/database';
import { isUuid, uuidv7 } from '@weft/chassis/data/uuid';
import { invalidArgument, ServiceError } from '@weft/chassis/errors';
import { decodePageToken, encodePageToken, pageSize } from '@weft/chassis/resource/page';
import type { Handlers } from '@weft/chassis/server/implement';
import { requireUser } from '@weft/chassis/server/require-user';
import type { SparePartServiceService } from '@weft/proto/shop/workshop/v1/spare_part';
import { sparePartMessage } from './spare-part-message.ts';
import type { SparePartArbiter } from './spare-part-saga-service.ts';
import * as store from './spare-part-store.ts';
import { detailsOf, violations } from './spare-part.ts';
import type { Tables } from './tables.ts';

/** The handlers of shop.workshop.v1.SparePartService. */
export function sparePartService(
  database: Database<Tables>,
  arbiter: SparePartArbiter,
): Handlers<SparePartServiceService> {
  const { kysely } = database;
  return {
    async createSparePart({ sparePart: asked }, context) {
      if (asked === undefined) throw invalidArgument({ field: 'spare_part', description: 'is required' });
      const found = violations(asked);
      if (found.length > 0) throw invalidArgument(...found);
      const now = new Date();
      const row: store.Stored = {
        ...detailsOf(asked),
        id: uuidv7(),
        userId: requireUser(context).id,
        status: 'PENDING',
        reason: undefined,
        createdAt: now,
        updatedAt: now,
      };
      const { id, userId, name } = row;
      await database.transaction(async (tx) => {
        await store.insert(tx, row);
        await arbiter.start(tx, { sagaId: id, userId }, { name });
      });
      return sparePartMessage(row);
    },

    async getSparePart({ id }, context) {
      const row = isUuid(id) ? await store.byId(kysely, id, requireUser(context).id) : undefined;
      if (row === undefined)
        throw new ServiceError('NOT_FOUND', 'SPARE_PART_NOT_FOUND', 'there is no such spare part');
      return sparePartMessage(row);
    },

    async listSpareParts({ pageSize: requested, pageToken }, context) {
      const userId = requireUser(context).id;
      const size = pageSize(requested);
      const scope = ['spare-parts', userId];
      const before = decodePageToken(pageToken, scope);
      const found = await store.list(kysely, { userId, before, limit: size + 1 });
      const page = found.slice(0, size);
      const last = found.length > size ? page.at(-1) : undefined;
      return {
        spareParts: page.map(sparePartMessage),
        nextPageToken: last === undefined ? '' : encodePageToken(last.id, scope),
      };
    },
  };
}
