// A contender: node:http alone, which answers the bytes of the product. PORT says where.
import { productJson } from '../product.ts';

// As in the edge: an ES import of node:http would load more of Node.
const { createServer } = process.getBuiltinModule('node:http');
const length = String(Buffer.byteLength(productJson));

createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': length });
  response.end(productJson);
}).listen(Number(process.env['PORT']), '127.0.0.1');
