import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { waitFor } from '@weft/tools/wait-for';

/** The services that have a database. */
export const services = ['ordering', 'catalog', 'identity'] as const;
export type Service = (typeof services)[number];

/** The database that `make up` gives a service, and its user. */
export const databaseOf = (service: Service): string => `weft_${service}`;

/** The database as its administrator sees it: what costs the services nothing. */
export class Admin {
  readonly #connection: Connection;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  static async connect(url: string): Promise<Admin> {
    return new Admin(await createConnection({ uri: url, timezone: 'Z' }));
  }

  async rows<T>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
    const [rows] = await this.#connection.query<RowDataPacket[]>(sql, [...parameters]);
    return rows as T[];
  }

  async run(sql: string): Promise<void> {
    await this.#connection.query(sql);
  }

  /** A counter of the server since its start. */
  async counter(name: string): Promise<number> {
    const [row] = await this.rows<{ Value: string }>('SHOW GLOBAL STATUS LIKE ?', [name]);
    return Number(row?.Value);
  }

  /** Connections that a service holds. */
  async connections(service: Service): Promise<number> {
    const sql = 'SELECT COUNT(*) AS count FROM information_schema.processlist WHERE user = ?';
    return Number((await this.rows<{ count: number }>(sql, [databaseOf(service)]))[0]?.count);
  }

  /** Resolves when no saga is pending. */
  async decided(timeoutMs: number): Promise<void> {
    const pending = `SELECT 1 FROM ${databaseOf('ordering')}.saga
      WHERE name = 'place-order' AND state = 'PENDING' LIMIT 1`;
    await this.#none(pending, timeoutMs, 'not every order is decided');
  }

  /** Resolves when no message is on its way. */
  async delivered(timeoutMs: number): Promise<void> {
    const messages = services
      .map((service) => `(SELECT 1 FROM ${databaseOf(service)}.saga_outbox LIMIT 1)`)
      .join(' UNION ALL ');
    await this.#none(messages, timeoutMs, 'not every message is delivered');
  }

  async close(): Promise<void> {
    await this.#connection.end();
  }

  async #none(sql: string, timeoutMs: number, fault: string): Promise<void> {
    const none = async () => (await this.rows(sql)).length === 0;
    if (!(await waitFor(none, timeoutMs, 20))) throw new Error(`${fault} after ${timeoutMs} ms`);
  }
}
