import { toTimestamp } from '@weft/chassis/resource/timestamp';
import { SparePart_Status, type SparePart } from '@weft/proto/shop/workshop/v1/spare_part';
import type { Stored } from './spare-part-store.ts';

/** A stored row as the contract has it. */
export function sparePartMessage(row: Stored): SparePart {
  return {
    id: row.id,
    name: row.name,
    status: SparePart_Status[row.status],
    reason: row.reason ?? '',
    createTime: toTimestamp(row.createdAt),
    updateTime: toTimestamp(row.updatedAt),
  };
}
