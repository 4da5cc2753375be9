import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { fromBinary, fromJsonString, toBinary, toJsonString, type DescMessage } from '@bufbuild/protobuf';
import { loadContract } from '@weft/chassis/load-contract';
import { ListProductsResponse, Product } from '@weft/proto/shop/catalog/v1/product';
// By path: these are the edge's own parts, which its package does not export.
import { encodeDraft } from '../../../edge/dist/codec/encode.js';
import { parseJson } from '../../../edge/dist/codec/json-text.js';
import { JsonReader } from '../../../edge/dist/codec/message-from-json.js';
import { JsonPrinter } from '../../../edge/dist/codec/message-to-json.js';
import { interleaved, type Operation } from './interleaved.ts';
import { printable } from './printable.ts';
import { product } from '../product.ts';

const { registry } = loadContract(
  readFileSync(fileURLToPath(import.meta.resolve('@weft/proto/descriptors.binpb'))),
);
const printer = new JsonPrinter({ registry, emitDefaults: true, maxLength: 1 << 24, maxDepth: 300 });
const list = ListProductsResponse.fromPartial({
  products: Array.from({ length: 100 }, (_, index) => ({ ...product, sku: `BOBBIN-${index}` })),
  nextPageToken: 'eyJvIjoxMDB9',
});

/**
 * From wire format to JSON text and back, of one product and of a page of a hundred: the edge's codec
 * against protobuf-es by descriptors, and against ts-proto with JSON.stringify and what must be done by hand.
 */
export function measureCodec(say: (text: string) => void): void {
  const one = Product.encode(product).finish();
  const many = ListProductsResponse.encode(list).finish();
  const pages = [
    { name: 'product', type: messageNamed('shop.catalog.v1.Product'), bytes: one, byHand: productByHand },
    {
      name: '100 products',
      type: messageNamed('shop.catalog.v1.ListProductsResponse'),
      bytes: many,
      byHand: listByHand,
    },
  ];
  for (const { name, type, bytes, byHand } of pages) {
    const operations = operationsOf(type, bytes, byHand);
    const times = interleaved(operations);
    say(`\nCodec, µs for ${name} (${bytes.length} bytes of wire format)`);
    const width = Math.max(...operations.map((operation) => operation.name.length));
    operations.forEach((operation, index) => {
      say(`${operation.name.padEnd(width)} ${((times[index] ?? NaN) / 1000).toFixed(2).padStart(9)}`);
    });
  }
}

/** Throws unless all three print the same, and both readers read the same. */
function operationsOf(
  type: DescMessage,
  bytes: Uint8Array,
  byHand: (bytes: Uint8Array) => string,
): readonly Operation[] {
  const text = printer.message(type, bytes);
  const print = () => printer.message(type, bytes);
  const printEs = () => toJsonString(type, fromBinary(type, bytes), { registry, alwaysEmitImplicit: true });
  const printByHand = () => byHand(bytes);
  const read = () =>
    encodeDraft(new JsonReader({ registry, unknownFields: 'ignore' }).message(type, parseJson(text, 100)));
  const readEs = () => toBinary(type, fromJsonString(type, text, { registry }));
  for (const other of [printEs(), printByHand()])
    if (!isDeepStrictEqual(JSON.parse(other), JSON.parse(text)))
      throw new Error(`printed otherwise: ${other}`);
  if (Buffer.compare(read(), readEs()) !== 0) throw new Error('read otherwise');
  return [
    { name: 'to JSON, weft-edge', run: print },
    { name: 'to JSON, protobuf-es', run: printEs },
    { name: 'to JSON, ts-proto and JSON.stringify', run: printByHand },
    { name: 'from JSON, weft-edge', run: read },
    { name: 'from JSON, protobuf-es', run: readEs },
  ];
}

function productByHand(bytes: Uint8Array): string {
  return JSON.stringify(printable(Product.decode(bytes)));
}

function listByHand(bytes: Uint8Array): string {
  const { products, nextPageToken } = ListProductsResponse.decode(bytes);
  return JSON.stringify({ products: products.map(printable), nextPageToken });
}

function messageNamed(name: string): DescMessage {
  const type = registry.getMessage(name);
  if (type === undefined) throw new Error(`the contract has no ${name}`);
  return type;
}
