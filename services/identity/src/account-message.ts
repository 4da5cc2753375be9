import { etagOf } from '@weft/chassis/resource/etag';
import { toTimestamp } from '@weft/chassis/resource/timestamp';
import type { User } from '@weft/proto/shop/identity/v1/account';
import type { Account } from './account-store.ts';

/** An account as the contract has it. */
export function userMessage(account: Account): User {
  return {
    id: account.id,
    email: account.email,
    displayName: account.displayName,
    roles: [...account.roles],
    etag: etagOf(account.version),
    createTime: toTimestamp(account.createdAt),
    updateTime: toTimestamp(account.updatedAt),
  };
}
