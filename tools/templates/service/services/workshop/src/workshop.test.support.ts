import { expect, jest } from '@jest/globals';
import { client, type Client } from '@weft/chassis/client/client';
import { uuidv7 } from '@weft/chassis/data/uuid';
import { eventually } from '@weft/chassis/testing/eventually';
import { startTestMesh, type TestMesh, type TestService } from '@weft/chassis/testing/mesh';
import {
  SparePartServiceService,
  SparePart,
  SparePart_Status,
} from '@weft/proto/shop/workshop/v1/spare_part';
import { workshop } from './service.ts';
import type { Tables } from './tables.ts';

// A busy machine must not fail a test.
jest.setTimeout(30_000);

/** The service under test, with real gRPC, etcd and database. */
export interface TestSystem {
  readonly mesh: TestMesh;
  readonly service: TestService<Tables>;
  /** A new person, signed in. */
  person(): Promise<Person>;
}

export interface Person {
  readonly id: string;
  readonly api: Client<SparePartServiceService>;
  create(name: string): Promise<SparePart>;
  /** Waits until it is decided. */
  decided(id: string): Promise<SparePart>;
}

export async function startSystem(): Promise<TestSystem> {
  const mesh = await startTestMesh();
  const service = await mesh.start(workshop);
  return {
    mesh,
    service,
    async person() {
      const id = uuidv7();
      const api = client(SparePartServiceService, await mesh.as('edge', { id, roles: [] }));
      return {
        id,
        api,
        create: (name) => api.createSparePart({ sparePart: SparePart.fromPartial({ name }) }),
        async decided(of) {
          await eventually(
            async () => (await api.getSparePart({ id: of })).status !== SparePart_Status.PENDING,
          );
          return api.getSparePart({ id: of });
        },
      };
    },
  };
}

export const failure = (code: string, reason: string): object => expect.objectContaining({ code, reason });
