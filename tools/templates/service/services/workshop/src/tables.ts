import type { Status } from './spare-part.ts';

/** The service's own tables, as the driver gives and takes their values: BIGINT is a string. */
export interface Tables {
  spare_part: SparePartTable;
  spare_part_name: SparePartNameTable;
}

export interface SparePartTable {
  id: Buffer;
  user_id: Buffer;
  name: string;
  status: Status;
  reason: string | null;
  created_at: Date;
  updated_at: Date;
}

export interface SparePartNameTable {
  saga_id: Buffer;
  user_id: Buffer;
  name: string;
}
