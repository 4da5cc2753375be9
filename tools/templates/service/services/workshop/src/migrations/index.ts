import type { Migration } from '@weft/chassis/data/migrations';
import { sparePart } from './0001-spare-part.ts';
import { sparePartName } from './0002-spare-part-name.ts';

/** The service's schema, in the order of the names. One that has run anywhere is never edited. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001_spare_part': sparePart,
  '0002_spare_part_name': sparePartName,
};
