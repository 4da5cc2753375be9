// An edge in a Fastify 5 app, below a prefix, which has to be taken off.
import { openEdge } from '@weft/edge';
import { fastify } from 'fastify';

const edge = await openEdge({
  descriptors: [process.env['DESCRIPTORS'] ?? 'api.binpb'],
  upstreams: [process.env['UPSTREAM'] ?? 'static:127.0.0.1:9000'],
});

const app = fastify();
app.get('/hello', () => 'hello');
await app.register(
  async (api) => {
    // The edge reads bodies itself.
    api.removeAllContentTypeParsers();
    api.addContentTypeParser('*', (_request, _payload, done) => done(null));
    api.all('/*', (request, reply) => {
      reply.hijack();
      request.raw.url = request.raw.url?.slice('/api'.length);
      edge.handle(request.raw, reply.raw);
    });
  },
  { prefix: '/api' },
);

await app.listen({ port: Number(process.env['PORT'] ?? 3000) });
console.log(app.server.address());
