# The image of what a cluster runs beside the shop: the Job that makes Secrets, and the order of `helm test`.
# Its context is the repository's root; `make images` builds all of them.
ARG BUILD_IMAGE=node:24-bookworm-slim
ARG NODE_IMAGE=gcr.io/distroless/nodejs24-debian12

# Compiles it with the contracts and the chassis, which is all that it imports.
FROM ${BUILD_IMAGE} AS build
WORKDIR /weft
COPY package.json package-lock.json ./
COPY proto/package.json proto/
COPY chassis/package.json chassis/
COPY tools/package.json tools/
RUN npm ci --ignore-scripts --no-audit --no-fund --include-workspace-root -w proto -w chassis -w tools
COPY tsconfig.base.json buf.yaml buf.gen.yaml ./
COPY proto proto
COPY tools/bootstrap.sh tools/
RUN sh tools/bootstrap.sh generate
COPY chassis chassis
COPY tools tools
RUN node_modules/.bin/tsc -b tools

# What runs: its production dependencies and the compiled code, without what only compilers and debuggers read.
FROM ${BUILD_IMAGE} AS production
WORKDIR /weft
COPY package.json package-lock.json ./
COPY proto/package.json proto/
COPY chassis/package.json chassis/
COPY tools/package.json tools/
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund -w tools
COPY --from=build /weft/proto/gen/descriptors.binpb proto/gen/
COPY --from=build /weft/proto/dist proto/dist
COPY --from=build /weft/chassis/dist chassis/dist
COPY --from=build /weft/tools/dist tools/dist
RUN find . -type f \( -name '*.map' -o -name '*.ts' -o -name '*.test.*' -o -name '*.md' \) -delete

FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="weft-tools" \
      org.opencontainers.image.description="Makes Secrets, places an order: for Jobs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A small young generation and giving freed memory back keep an idle process about 25 MB smaller.
ENV NODE_ENV=production \
    PATH=/nodejs/bin:/usr/local/bin:/usr/bin:/bin \
    NODE_OPTIONS=--max-semi-space-size=2 \
    MALLOC_MMAP_THRESHOLD_=1048576 \
    npm_package_version=${VERSION}
WORKDIR /weft
COPY --from=production /weft ./
USER 65532:65532
# Which program is its argument.
ENTRYPOINT ["node"]
