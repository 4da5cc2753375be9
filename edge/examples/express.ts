// An edge in an Express 5 app, below a prefix, which Express takes off. It reads bodies itself: mount it before
// any body parser, or beside it as here.
import { openEdge } from '@weft/edge';
import express from 'express';

const edge = await openEdge({
  descriptors: [process.env['DESCRIPTORS'] ?? 'api.binpb'],
  upstreams: [process.env['UPSTREAM'] ?? 'static:127.0.0.1:9000'],
});

const app = express();
app.use('/api', edge.handle);
app.use(express.json());
app.get('/hello', (_, response) => void response.send('hello'));

const server = app.listen(Number(process.env['PORT'] ?? 3000), () => console.log(server.address()));
