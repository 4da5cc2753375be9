import { createPool, type Pool, type RowDataPacket } from 'mysql2';

const mostWaiting = 100;

/**
 * Ends connections of this process at the server, where closing them is not enough: it runs a query on to its
 * end before it looks at its socket again. Everybody may end connections of their own user, on MySQL and MariaDB.
 */
export class Killer {
  readonly #pool: Pool;

  constructor(uri: string) {
    // One connection of its own: those of the pool may all be what is to be ended. It goes when it is idle.
    this.#pool = createPool({
      uri,
      connectionLimit: 1,
      maxIdle: 0,
      idleTimeout: 5_000,
      queueLimit: mostWaiting,
      connectTimeout: 1_500,
    });
    // mysql2's pool listens to the first error of a connection; another one would end the process.
    this.#pool.on('connection', (connection) => connection.on('error', () => undefined));
  }

  /**
   * Ends a connection that will not be used again, so that it cannot hit a query that came later. Its port on this
   * side tells it from one with the same id on a server that was restarted in between. It is not waited for, and
   * not repeated: where it fails, the connection or the server is gone already, or too busy to be asked.
   */
  kill(threadId: number, localPort: number | undefined): void {
    this.#pool.getConnection((error, connection) => {
      if (error !== null) return;
      const done = (): void => connection.release();
      const sql = 'SELECT HOST AS host FROM information_schema.PROCESSLIST WHERE ID = ?';
      connection.query<RowDataPacket[]>(sql, [threadId], (failed, rows) => {
        const [found] = failed === null ? rows : [];
        if (found === undefined || !String(found['host']).endsWith(`:${localPort}`)) done();
        else connection.query(`KILL ${threadId}`, done);
      });
    });
  }

  close(done: () => void): void {
    this.#pool.end(done);
  }
}
