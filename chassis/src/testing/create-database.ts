import { randomBytes } from 'node:crypto';
import { createConnection } from 'mysql2/promise';

/**
 * Creates a database with a user of the same name, who may do everything in it and nothing elsewhere,
 * and returns that user's URL. Both may exist already; the password is then changed to this one.
 *
 * @param password Letters, digits, `-` and `_`. Default: a random one.
 */
export async function createDatabase(
  adminUrl: string,
  name: string,
  password = randomBytes(18).toString('base64url'),
): Promise<string> {
  if (!/^\w{1,32}$/.test(name)) throw new Error(`not a name for a database: ${name}`);
  if (!/^[\w-]+$/.test(password)) throw new Error('the password has a character that a URL would change');
  const connection = await createConnection({ uri: adminUrl, connectTimeout: 5_000 });
  try {
    await connection.query(`CREATE DATABASE IF NOT EXISTS \`${name}\` CHARACTER SET utf8mb4`);
    await connection.query(`CREATE USER IF NOT EXISTS '${name}'@'%' IDENTIFIED BY '${password}'`);
    await connection.query(`ALTER USER '${name}'@'%' IDENTIFIED BY '${password}'`);
    // In a grant `_` is a wildcard.
    await connection.query(`GRANT ALL PRIVILEGES ON \`${name.replaceAll('_', '\\_')}\`.* TO '${name}'@'%'`);
  } finally {
    await connection.end();
  }
  const url = new URL(adminUrl);
  url.username = name;
  url.password = password;
  url.pathname = `/${name}`;
  url.search = '';
  return url.href;
}
