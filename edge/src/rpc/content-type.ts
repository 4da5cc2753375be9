/** How messages are written. */
export type Codec = 'proto' | 'json';

/** What a content type says: whose framing, which codec. */
export interface RpcType {
  readonly protocol: 'grpc' | 'grpc-web' | 'connect-stream' | 'connect-unary';
  readonly codec: Codec;
  /** gRPC-Web in base64. */
  readonly text: boolean;
  /** As an answer has it. */
  readonly contentType: string;
}

const prefixes = [
  ['application/grpc-web-text', 'grpc-web', true],
  ['application/grpc-web', 'grpc-web', false],
  ['application/grpc', 'grpc', false],
] as const;

/**
 * Reads a content type of Connect, gRPC-Web or gRPC. `known`: it belongs to one of them, so an undefined type
 * means a codec that is not served.
 */
export function readRpcType(header: string | undefined): { known: boolean; type?: RpcType } {
  const [essence = '', ...parameters] = (header ?? '').split(';').map((part) => part.trim().toLowerCase());
  for (const [prefix, protocol, text] of prefixes) {
    if (!essence.startsWith(prefix)) continue;
    const codec = codecOf(essence.slice(prefix.length));
    return codec === undefined
      ? { known: true }
      : { known: true, type: { protocol, codec, text, contentType: essence } };
  }
  if (essence.startsWith('application/connect+')) {
    const codec = asCodec(essence.slice(20));
    return codec === undefined
      ? { known: true }
      : { known: true, type: { protocol: 'connect-stream', codec, text: false, contentType: essence } };
  }
  const codec = essence.startsWith('application/') ? asCodec(essence.slice(12)) : undefined;
  if (codec === undefined || !isUtf8(parameters)) return { known: false };
  return { known: false, type: { protocol: 'connect-unary', codec, text: false, contentType: essence } };
}

/** The suffix of gRPC's content types; none means proto. */
function codecOf(suffix: string): Codec | undefined {
  return suffix === '' ? 'proto' : suffix.startsWith('+') ? asCodec(suffix.slice(1)) : undefined;
}

/** A codec by its name. */
export function asCodec(name: string): Codec | undefined {
  return name === 'proto' || name === 'json' ? name : undefined;
}

function isUtf8(parameters: readonly string[]): boolean {
  return parameters.every(
    (parameter) => !parameter.startsWith('charset=') || /^charset="?utf-?8"?$/.test(parameter),
  );
}

const streamTypes = ['application/connect+json', 'application/connect+proto'];
const webTypes = [
  'application/grpc-web',
  'application/grpc-web+json',
  'application/grpc-web+proto',
  'application/grpc-web-text',
  'application/grpc-web-text+proto',
];
const grpcTypes = ['application/grpc', 'application/grpc+json', 'application/grpc+proto'];

/** What `Accept-Post` names (W3C LDP 1.0, 7.1): every type that a method takes over this version of HTTP. */
export function acceptedTypes(unary: boolean, httpVersionMajor: number): string {
  const connect = unary ? ['application/json', 'application/proto'] : streamTypes;
  return [...connect, ...webTypes, ...(httpVersionMajor === 2 ? grpcTypes : [])].join(', ');
}
