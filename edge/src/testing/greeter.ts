import { setTimeout as delay } from 'node:timers/promises';
import { loadContract } from '@weft/chassis/load-contract';
import type { Contract } from '@weft/chassis/contract';
import { compileProtos } from './schema.ts';
import { addReflection, type ReflectionOptions } from './reflection.ts';
import { startUpstream, type Handlers, type Upstream } from './upstream.ts';
import type { Identity } from '@weft/chassis/testing/certificates';

const head = 'syntax = "proto3"; import "google/api/annotations.proto";';

/** A schema that knows nothing of this platform, and its next version, which has one method more. */
function greeter(more: string): string {
  return `${head} package acme.v1; import "acme/v1/words.proto";
    service Greeter {
      rpc Hello(Words) returns (Words) { option (google.api.http) = {get: "/v1/hello/{text}"}; }
      rpc Say(Words) returns (Words) { option (google.api.http) = {post: "/v1/say" body: "*"}; }
      rpc Count(Words) returns (stream Words) { option (google.api.http) = {get: "/v1/count/{text}"}; }
      rpc Fail(Words) returns (Words) { option (google.api.http) = {get: "/v1/fail"}; }
      rpc Whisper(Words) returns (Words);
      ${more}
    }`;
}

const words = 'syntax = "proto3"; package acme.v1; message Words { string text = 1; }';
const bye = 'rpc Bye(Words) returns (Words) { option (google.api.http) = {get: "/v1/bye/{text}"}; }';

function compile(files: Readonly<Record<string, string>>): Contract {
  return loadContract(compileProtos(files));
}

export function greeterContract(): Contract {
  return compile({ 'acme/v1/greeter.proto': greeter(''), 'acme/v1/words.proto': words });
}

export function nextGreeterContract(): Contract {
  return compile({ 'acme/v1/greeter.proto': greeter(bye), 'acme/v1/words.proto': words });
}

/** Another service, of another package. */
export function zooContract(path = '/v1/animals/{text}'): Contract {
  return compile({
    'zoo/v1/zoo.proto': `${head} package zoo.v1;
      message Animal { string text = 1; }
      service Zoo { rpc Get(Animal) returns (Animal) { option (google.api.http) = {get: "${path}"}; } }`,
  });
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export const greeterHandlers: Handlers = {
  unary: {
    Hello: ({ request }) => ({ text: `hello ${text(request['text'])}` }),
    Bye: ({ request }) => ({ text: `bye ${text(request['text'])}` }),
    Say: ({ request }) => request,
    Whisper: ({ request }) => request,
    Get: ({ request }) => ({ text: `a ${text(request['text'])}` }),
    Fail: () => {
      throw Object.assign(new Error('nobody is there'), { code: 5, details: 'nobody is there' });
    },
  },
  streams: {
    async *Count({ request }) {
      for (let i = 1; i <= Number(request['text']); i++) {
        yield { text: String(i) };
        await delay(5);
      }
    },
  },
};

/** A plaintext server of one of these contracts, or one over mutual TLS, with reflection. */
export function startGreeter(
  contract: Contract,
  {
    reflection = {},
    port = 0,
    identity,
  }: { reflection?: ReflectionOptions | false; port?: number; identity?: Identity } = {},
): Promise<Upstream> {
  return startUpstream(contract, identity, greeterHandlers, {
    port,
    extend: (server) => {
      if (reflection !== false) addReflection(server, contract, reflection);
    },
  });
}
