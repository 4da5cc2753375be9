import type { Metadata } from '@grpc/grpc-js';
import type { TextMapGetter, TextMapSetter } from '@opentelemetry/api';

/** How OpenTelemetry's propagators read gRPC metadata. */
export const metadataGetter: TextMapGetter<Metadata> = {
  get: (metadata, key) => metadata.get(key)[0]?.toString(),
  keys: (metadata) => Object.keys(metadata.getMap()),
};

/** How they write it. */
export const metadataSetter: TextMapSetter<Metadata> = {
  set: (metadata, key, value) => metadata.set(key, value),
};
