// An edge in a server of node:http.
import { createServer } from 'node:http';
import { openEdge } from '@weft/edge';

const edge = await openEdge({
  descriptors: [process.env['DESCRIPTORS'] ?? 'api.binpb'],
  upstreams: [process.env['UPSTREAM'] ?? 'static:127.0.0.1:9000'],
});

const server = createServer((request, response) => {
  if (request.url === '/hello') response.end('hello');
  else edge.handle(request, response);
});

server.listen(Number(process.env['PORT'] ?? 3000), () => console.log(server.address()));
